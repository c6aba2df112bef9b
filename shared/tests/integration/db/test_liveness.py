"""Connections that die in the pool are replaced before anybody uses them."""

import asyncio
import threading

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db.engine import create_engine
from breezeway.db.liveness import watch_liveness
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.testing.eventually import eventually


async def backend(engine: AsyncEngine) -> int:
    async with UnitOfWork(engine) as work:
        return int((await work.session.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def terminate(url: str, *backends: int) -> None:
    engine = create_engine(url, application="test", pooled=False)
    async with UnitOfWork(engine) as work:
        for pid in backends:
            # Waits until it is gone.
            await work.session.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
    await engine.dispose()


async def test_a_living_connection_is_used_again(postgres: EmbeddedPostgres) -> None:
    engine = create_engine(postgres.url("postgres"), application="test")
    watch_liveness(engine, idle_seconds=0)
    assert await backend(engine) == await backend(engine)
    await engine.dispose()


async def test_a_closed_connection_is_replaced(postgres: EmbeddedPostgres) -> None:
    engine = create_engine(postgres.url("postgres"), application="test")
    async with engine.connect() as one, engine.connect() as two:
        dead = [int((await each.execute(text("SELECT pg_backend_pid()"))).scalar_one()) for each in (one, two)]
        drivers = [(await each.get_raw_connection()).driver_connection for each in (one, two)]
    await terminate(postgres.url("postgres"), *dead)
    await eventually(lambda: all(each is not None and each.is_closed() for each in drivers), 30)
    assert not {await backend(engine) for _ in range(3)} & set(dead)
    await engine.dispose()


async def test_one_that_lay_idle_is_asked_first(postgres: EmbeddedPostgres) -> None:
    engine = create_engine(postgres.url("postgres"), application="test")
    watch_liveness(engine, idle_seconds=0)
    dead = await backend(engine)
    # This loop must not run meanwhile: it would notice the end by itself.
    killer = threading.Thread(target=lambda: asyncio.run(terminate(postgres.url("postgres"), dead)))
    killer.start()
    killer.join()
    assert await backend(engine) != dead
    await engine.dispose()
