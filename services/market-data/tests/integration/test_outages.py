"""A feed's user hears once that it is down and once that it is back, whoever owns it meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.contracts.broker import BrokerEnvironment, BrokerSession, BrokerSessionState
from breezeway.db.engine import create_engine
from breezeway.ids import new_id
from market_data_service.adapters.db.outages import PostgresOutages
from market_data_service.adapters.db.tables import events
from market_data_service.application.feed_outages import OutageWatch
from market_data_service.domain.feed_state import FeedState

pytestmark = pytest.mark.parametrize("migrated_url", ["market-data"], indirect=True)


@pytest_asyncio.fixture
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(migrated_url, application="tests")
    yield made
    await made.dispose()


def feed() -> BrokerSession:
    return BrokerSession(
        account_id=new_id(),
        user_id=new_id(),
        environment=BrokerEnvironment.SIMULATOR,
        state=BrokerSessionState.ACTIVE,
        version=1,
    )


async def told(engine: AsyncEngine) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        return [row.event for row in await connection.execute(sa.select(events.c.event).order_by(events.c.id))]


async def test_an_outage_is_told_once_by_however_many_owners(engine: AsyncEngine) -> None:
    session = feed()
    outages = PostgresOutages(engine)
    await asyncio.gather(*(outages.down(session, 1_000, "transport close") for _ in range(5)))
    await asyncio.gather(*(outages.back(session, 61_000) for _ in range(5)))
    down, back = await told(engine)
    assert (down["kind"], back["kind"]) == ("feed.down", "feed.back")
    assert down["user_id"] == str(session.user_id)
    assert "60 seconds" in back["text"]


async def test_a_hiccup_is_not_told_and_a_new_owner_says_that_it_is_back(engine: AsyncEngine) -> None:
    session = feed()
    first = OutageWatch(PostgresOutages(engine), 0)
    for ms in range(0, 29_000, 1_000):
        await first.look(session, FeedState.DEGRADED, "closed", ms)
    await first.look(session, FeedState.LIVE, None, 29_500)
    assert await told(engine) == []
    for ms in range(30_000, 70_000, 1_000):
        await first.look(session, FeedState.CONNECTING if ms % 2_000 else FeedState.DEGRADED, "closed", ms)
    assert [each["kind"] for each in await told(engine)] == ["feed.down"]
    second = OutageWatch(PostgresOutages(engine), 71_000)
    await second.look(session, FeedState.CONNECTING, None, 71_000)
    for ms in (72_000, 73_000):
        await second.look(session, FeedState.LIVE, None, ms)
    assert [each["kind"] for each in await told(engine)] == ["feed.down", "feed.back"]


async def test_an_ended_broker_session_is_auths_to_tell(engine: AsyncEngine) -> None:
    watch = OutageWatch(PostgresOutages(engine), 0)
    for ms in range(0, 90_000, 10_000):
        await watch.look(feed(), FeedState.SESSION_EXPIRED, "expired", ms)
    assert await told(engine) == []
