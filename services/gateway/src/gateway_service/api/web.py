"""The page at `/`: the built web app where there is one, else a start page that says where things are."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

_NOT_PAGES: Final = ("api", "ws", "udf", ".well-known", "docs", "redoc", "openapi.json", "livez", "readyz", "metrics")
_FOREVER: Final = "public, max-age=31536000, immutable"
# In a checkout: <repository>/frontend/dist. An installed package has nothing there, and gets its folder by setting.
_IN_CHECKOUT: Final = Path(__file__).resolve().parents[5] / "frontend" / "dist"


def install(app: FastAPI, web_root: Path | None) -> None:
    """Serve the web app, or the start page as long as none is built.

    Args:
        web_root: folder of the built app; the checkout's own build when None.
    """
    app.router.routes.append(_AppRoute((web_root or _IN_CHECKOUT).resolve()))
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


class _AppRoute(Route):
    """Every path that is not the API's: a file of the build, or the page, since the app routes by itself."""

    def __init__(self, root: Path) -> None:
        super().__init__("/{path:path}", self._serve, methods=["GET", "HEAD"], include_in_schema=False)
        self._root = root

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and scope["path"].lstrip("/").split("/", 1)[0] in _NOT_PAGES:
            return Match.NONE, {}
        if not (self._root / "index.html").is_file():
            return Match.NONE, {}
        if self._file(scope["path"].lstrip("/")) is None and not _asks_for_a_page(scope):
            return Match.NONE, {}
        match, found = super().matches(scope)
        # A POST to a page is the proxy's to refuse, with the problem document that every other error has.
        return (match, found) if match is Match.FULL else (Match.NONE, {})

    async def _serve(self, request: Request) -> Response:
        path = request.path_params["path"]
        if (file := self._file(path)) is not None:
            # The names of assets carry a hash of their content; everything else keeps its name and is asked for again.
            cache = _FOREVER if path.startswith("assets/") else "no-cache"
            return FileResponse(file, headers={"Cache-Control": cache})
        if path.startswith("assets/"):
            # Of an earlier build. The page instead of a script would be a syntax error in the browser.
            return Response(status_code=404, headers={"Cache-Control": "no-store"})
        return FileResponse(self._root / "index.html", headers={"Cache-Control": "no-cache"})

    def _file(self, path: str) -> Path | None:
        file = (self._root / path).resolve()
        inside = file.is_relative_to(self._root) and not file.name.startswith(".")
        return file if inside and file.is_file() else None


def _asks_for_a_page(scope: Scope) -> bool:
    # A browser that opens an address names HTML; a program with a mistyped path gets a problem document instead.
    if scope["type"] != "http" or scope["path"] in ("", "/"):
        return True
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
