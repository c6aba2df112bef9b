"""What a user is told of their feed."""

from collections.abc import Mapping
from uuid import UUID

import pytest

from breezeway.contracts.broker import BrokerEnvironment, BrokerSession, BrokerSessionState
from breezeway.ids import new_id
from market_data_service.application.feed_view import FeedGap, ReadFeed

NOW = 1_700_000_100_000
FACTS = {
    "owner": "host:4711#2",
    "state": "live",
    "fence": "7",
    "since_ms": str(NOW - 60_000),
    "connected_ms": str(NOW - 60_000),
    "subscriptions": "40",
    "rooms": "38",
    "ticks_per_second": "21.5",
    "last_received_ms": str(NOW - 120),
    "last_gap": '{"from":1,"to":2,"reason":"takeover"}',
    "updated_ms": str(NOW - 900),
}


class World:
    def __init__(self, facts: Mapping[str, str], session: BrokerSession | None) -> None:
        self.facts, self.session = facts, session

    async def of_user(self, user_id: UUID) -> BrokerSession | None:
        return self.session

    async def described(self, feed: str) -> Mapping[str, str]:
        return self.facts


def session() -> BrokerSession:
    return BrokerSession(
        account_id=new_id(),
        user_id=new_id(),
        environment=BrokerEnvironment.SIMULATOR,
        state=BrokerSessionState.ACTIVE,
        version=1,
    )


async def test_a_live_feed() -> None:
    world = World(FACTS, session())
    status = await ReadFeed(world, world, lambda: NOW).of(new_id())
    assert (status.state, status.owner, status.fence, status.subscriptions, status.rooms) == (
        "live",
        "4711#2",
        7,
        40,
        38,
    )
    assert (status.ticks_per_second, status.age_ms, status.last_gap) == (21.5, 120, FeedGap(1, 2, "takeover"))


async def test_without_a_broker_session() -> None:
    world = World({}, None)
    status = await ReadFeed(world, world, lambda: NOW).of(new_id())
    assert (status.state, status.feed) == ("no_session", None)


@pytest.mark.parametrize(
    "facts", [{}, {**FACTS, "updated_ms": str(NOW - 11_000)}, {**FACTS, "state": "stopped", "reason": "handed_over"}]
)
async def test_a_feed_that_nobody_serves_is_waiting_whatever_its_last_owner_said(facts: Mapping[str, str]) -> None:
    world = World(facts, session())
    status = await ReadFeed(world, world, lambda: NOW).of(new_id())
    assert (status.state, status.owner, status.age_ms) == ("waiting", None, None)
