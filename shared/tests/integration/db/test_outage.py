"""H-10: a database that is away, slow or has no connection left costs its requests a clear answer, and nothing else."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from breezeway.db.engine import create_engine
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.http.app import Check, create_service
from breezeway.testing.eventually import eventually

POOL = 2
"""Connections that are kept; as many again may be opened for a moment."""


@pytest_asyncio.fixture
async def own_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """One that a test may stop."""
    with tempfile.TemporaryDirectory(prefix="bw-pg-") as folder:
        server = EmbeddedPostgres(Path(folder), durable=False)
        try:
            yield await asyncio.to_thread(server.start)
        finally:
            await asyncio.to_thread(server.stop)


@pytest_asyncio.fixture
async def http(own_postgres: EmbeddedPostgres) -> AsyncIterator[httpx.AsyncClient]:
    """A service with one route: it works in the database for as long as it is told, and says how busy that is."""
    engine = create_engine(own_postgres.url(), application="outage", pool_size=POOL)

    async def ask(seconds: float) -> int:
        async with UnitOfWork(engine) as work:
            await work.session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
            count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outage'"
            return int((await work.session.execute(text(count))).scalar_one())

    async def probe() -> None:
        await ask(0)

    async def build(_app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {"postgres": probe}

    app = create_service("outage", build=build)
    app.get("/work")(ask)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=120) as client:
            yield client
    await engine.dispose()


async def working(http: httpx.AsyncClient, seconds: float) -> httpx.Response:
    return await http.get("/work", params={"seconds": seconds})


def is_refused(answer: httpx.Response) -> bool:
    waits = int(answer.headers.get("Retry-After", "0"))
    return answer.status_code == 503 and answer.json()["code"] == "database_unavailable" and waits >= 1


async def test_h_10_a_database_that_is_down_is_said_at_once_and_found_again(
    http: httpx.AsyncClient, own_postgres: EmbeddedPostgres
) -> None:
    """Liveness stays green, readiness does not; afterwards all who waited share the few connections of the pool."""
    assert (await working(http, 0)).status_code == 200
    await asyncio.to_thread(own_postgres.stop)
    for _ in range(3):
        answers = await asyncio.gather(*(working(http, 0) for _ in range(20)))
        assert all(is_refused(answer) for answer in answers)
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
    await asyncio.to_thread(own_postgres.start)

    async def is_back() -> bool:
        return (await working(http, 0)).status_code == 200

    await eventually(is_back, 60)
    answers = await asyncio.gather(*(working(http, 0.01) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert max(answer.json() for answer in answers) <= 2 * POOL
    assert (await http.get("/readyz")).status_code == 200


async def test_h_10_a_slow_database_is_waited_for_and_holds_up_nobody_else(http: httpx.AsyncClient) -> None:
    slow = asyncio.create_task(working(http, 2))
    while not slow.done():
        assert (await http.get("/livez")).status_code == 200
        assert (await working(http, 0)).status_code == 200
        await asyncio.sleep(0.1)
    assert (await slow).status_code == 200


async def test_h_10_who_finds_no_connection_is_told_when_to_come_again(
    http: httpx.AsyncClient, own_postgres: EmbeddedPostgres
) -> None:
    """The pool is waited for five seconds, no longer."""
    looking = create_engine(own_postgres.url(), application="test")

    async def all_are_held() -> bool:
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outage' AND wait_event = 'PgSleep'"
        async with UnitOfWork(looking) as work:
            return int((await work.session.execute(text(count))).scalar_one()) == 2 * POOL

    held = [asyncio.create_task(working(http, 12)) for _ in range(2 * POOL)]
    await eventually(all_are_held, 10)
    await looking.dispose()
    assert all(is_refused(answer) for answer in await asyncio.gather(*(working(http, 0) for _ in range(10))))
    assert (await http.get("/livez")).status_code == 200
    assert {answer.status_code for answer in await asyncio.gather(*held)} == {200}
    assert (await working(http, 0)).status_code == 200
