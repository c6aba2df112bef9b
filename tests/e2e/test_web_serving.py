"""How the gateway serves the built web app, and what it serves without one."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from gateway_service.api import web
from gateway_service.api.security_headers import SecurityHeadersMiddleware


def client(root: Path) -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None)
    web.install(app, root)
    app.add_middleware(SecurityHeadersMiddleware)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / ".vite").mkdir()
    (dist / ".vite" / ".secret").write_text("hidden")
    (dist / "index.html").write_text("<title>the app</title>")
    (dist / "theme.js").write_text("let theme")
    (dist / "assets" / "index-1a2b.js").write_text("let app")
    (tmp_path / "outside.txt").write_text("private")
    return dist


@pytest.mark.parametrize("path", ["/", "/data", "/chart/NSE%3ARELIANCE", "/chart/NFO%3ANIFTY24NOV2626000CE"])
async def test_a_page_of_the_app_is_the_app(root: Path, path: str) -> None:
    async with client(root) as http:
        answer = await http.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert "the app" in answer.text
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_assets_are_kept_for_ever_and_other_files_are_asked_for_again(root: Path) -> None:
    async with client(root) as http:
        asset, theme = await http.get("/assets/index-1a2b.js"), await http.get("/theme.js")
    assert "immutable" in asset.headers["Cache-Control"]
    assert (theme.text, theme.headers["Cache-Control"]) == ("let theme", "no-cache")


async def test_an_asset_of_an_earlier_build_is_missing_and_not_the_page(root: Path) -> None:
    async with client(root) as http:
        answer = await http.get("/assets/index-old.js")
    assert answer.status_code == 404
    assert "the app" not in answer.text


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/ws/v1/stream", "/udf/config", "/docs", "/metrics", "/readyz"])
async def test_paths_of_the_api_are_left_to_the_api(root: Path, path: str) -> None:
    async with client(root) as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../outside.txt", "/%2e%2e/outside.txt", "/assets/..%2f..%2foutside.txt", "/.vite/.secret"]
)
async def test_nothing_outside_the_build_is_served(root: Path, path: str) -> None:
    async with client(root) as http:
        answer = await http.get(path)
    assert "private" not in answer.text
    assert "hidden" not in answer.text


async def test_a_page_cannot_be_posted_to(root: Path) -> None:
    async with client(root) as http:
        assert (await http.post("/data")).status_code in (404, 405)


async def test_without_a_build_there_is_a_start_page_until_one_appears(root: Path) -> None:
    index = root / "index.html"
    page = index.read_text()
    index.unlink()
    async with client(root) as http:
        assert "the app" not in (await http.get("/")).text
        index.write_text(page)
        assert "the app" in (await http.get("/")).text
