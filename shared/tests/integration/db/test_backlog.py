"""What waits in an outbox is told with its number and age, and figures stand while PostgreSQL is away."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
import pytest_asyncio
import sqlalchemy as sa
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db import backlog
from breezeway.db.backlog import Backlog, Standing, measure, watch_backlogs
from breezeway.db.base import new_metadata
from breezeway.db.engine import create_engine
from breezeway.errors import UpstreamUnavailable
from breezeway.outbox.table import event_outbox
from breezeway.supervisor.ports import free_port
from breezeway.testing.eventually import eventually

soon = partial(eventually, seconds=60)
metadata = new_metadata()
OUTBOX = event_outbox(metadata)
EVENTS = Backlog.of_events("shop", OUTBOX)


@pytest_asyncio.fixture
async def outbox(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine


async def add(engine: AsyncEngine, minutes_ago: int, refused: str | None = None) -> None:
    age = sa.func.make_interval(0, 0, 0, 0, 0, minutes_ago)
    row = {"event": {}, "created_at": sa.func.now() - age, "refused": refused}
    async with engine.begin() as connection:
        await connection.execute(sa.insert(OUTBOX).values(row))


async def test_it_counts_what_waits_and_what_never_leaves(outbox: AsyncEngine) -> None:
    assert await measure(outbox, EVENTS) == Standing(0, 0.0, 0)
    await add(outbox, 10)
    await add(outbox, 2)
    await add(outbox, 60, refused="unknown_kind")
    standing = await measure(outbox, EVENTS)
    assert (standing.waiting, standing.refused) == (2, 1)
    assert 600 <= standing.age < 1_800, "of the oldest that waits, not of one that was refused"


async def test_what_is_due_later_is_not_late(outbox: AsyncEngine) -> None:
    await add(outbox, -30)
    assert await measure(outbox, EVENTS) == Standing(1, 0.0, 0)


async def test_the_figures_follow_the_table(outbox: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_EVERY_SECONDS", 0.05)

    def told(name: str) -> float | None:
        return REGISTRY.get_sample_value(f"breezeway_backlog_{name}", {"backlog": "shop-events"})

    await add(outbox, 10)
    await add(outbox, 10, refused="malformed")
    async with AsyncExitStack() as stack:
        watch_backlogs(outbox, [EVENTS], stack)
        await soon(lambda: told("waiting") == 1 and (told("age_seconds") or 0) >= 600 and told("refused") == 1)
        async with outbox.begin() as connection:
            await connection.execute(sa.delete(OUTBOX))
        await soon(lambda: told("waiting") == told("age_seconds") == told("refused") == 0)
        async with outbox.begin() as connection:
            await connection.execute(sa.text("DROP TABLE event_outbox"))
        # Whatever the database says, the watch goes on.
        async with outbox.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await add(outbox, 5)
        await soon(lambda: told("waiting") == 1)


async def test_a_database_that_is_away_is_said_as_such() -> None:
    engine = create_engine(f"postgresql://nobody@127.0.0.1:{free_port()}/none", application="tests")
    with pytest.raises(UpstreamUnavailable):
        await measure(engine, EVENTS)
    await engine.dispose()
