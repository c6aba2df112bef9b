"""The page at `/`: the built web app where there is one, else a start page that says where things are."""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles


def install(app: FastAPI, web_root: Path | None) -> None:
    """Serve `/` and the app's assets. Paths that are no file get the app's page, since it routes by itself."""
    index = web_root / "index.html" if web_root else None
    if index is not None and index.is_file():
        app.mount("/assets", StaticFiles(directory=index.parent / "assets", check_dir=False), name="assets")

        @app.get("/", include_in_schema=False)
        async def web_app() -> FileResponse:
            return FileResponse(index, headers={"Cache-Control": "no-cache"})

        return
    pages = files("gateway_service") / "api" / "pages"

    @app.get("/", include_in_schema=False)
    async def start_page() -> Response:
        return Response((pages / "start.html").read_bytes(), media_type="text/html; charset=utf-8")

    @app.get("/start.js", include_in_schema=False)
    async def start_script() -> Response:
        return Response((pages / "start.js").read_bytes(), media_type="text/javascript; charset=utf-8")

    @app.get("/start.css", include_in_schema=False)
    async def start_style() -> Response:
        return Response((pages / "start.css").read_bytes(), media_type="text/css; charset=utf-8")
