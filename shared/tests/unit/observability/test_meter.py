"""Requests are counted by the template of their route: what a stranger types into a path makes no new series."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import httpx
import pytest_asyncio
from fastapi import APIRouter, FastAPI, Request

from breezeway.http.app import Check, create_service
from breezeway.http.meter import ROUTE
from breezeway.observability.red import REQUESTS


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async def build(_app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    app = create_service("meter", build=build)
    router = APIRouter(prefix="/metered")

    @router.get("/things/{name}")
    async def thing(name: str) -> str:
        return name

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a detail")

    @router.get("/named/{path:path}")
    async def named(request: Request, path: str) -> None:
        request.scope[ROUTE] = "one of a few"

    app.include_router(router)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as http:
        yield http


async def test_paths_fold_into_their_route(client: httpx.AsyncClient) -> None:
    before = REQUESTS.count(("GET", "/metered/things/{name}", "200"))
    for number in range(5):
        assert (await client.get(f"/metered/things/{number}")).status_code == 200
    assert REQUESTS.count(("GET", "/metered/things/{name}", "200")) == before + 5


async def test_failures_and_strangers_are_counted(client: httpx.AsyncClient) -> None:
    before = REQUESTS.count(("GET", "unmatched", "404"))
    assert (await client.get("/metered/broken")).status_code == 500
    assert (await client.get("/nowhere/at/all")).status_code == 404
    assert (await client.request("BREW", "/metered/things/1")).status_code == 405
    assert REQUESTS.count(("GET", "/metered/broken", "500")) >= 1
    assert REQUESTS.count(("GET", "unmatched", "404")) == before + 1
    assert sum(REQUESTS.count(("OTHER", route, "405")) for route in ("unmatched", "/metered/things/{name}")) >= 1


async def test_a_route_for_every_path_names_what_it_was_given(client: httpx.AsyncClient) -> None:
    await client.get("/metered/named/anything")
    assert REQUESTS.count(("GET", "one of a few", "200")) >= 1


async def test_probes_are_left_out_and_the_table_is_exposed(client: httpx.AsyncClient) -> None:
    await client.get("/metered/things/1")
    text = (await client.get("/metrics")).text
    assert (
        'breezeway_http_request_duration_seconds_count{method="GET",route="/metered/things/{name}",status="200"}'
        in text
    )
    assert 'route="/metrics"' not in text
    assert "breezeway_db_pool_in_use" in text
