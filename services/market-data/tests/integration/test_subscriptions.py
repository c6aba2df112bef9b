"""Subscriptions: stored per user, and part of what the feed carries."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.contracts.broker import BrokerEnvironment, BrokerSession, BrokerSessionState
from breezeway.contracts.instruments import Instrument
from breezeway.errors import InvalidInput, NotFound
from breezeway.ids import new_id
from breezeway.redis import keys
from market_data_service.adapters.db.subscriptions import PostgresSubscriptions
from market_data_service.adapters.feed.interest import RedisInterest
from market_data_service.adapters.feed.subscribed import PersistedInterest
from market_data_service.application.subscriptions import Subscriptions


class Directory:
    async def resolve(self, symbol: str, bearer: str) -> Instrument:
        if symbol == "NSE:NOBODY":
            raise NotFound("no", code="instrument_not_found")
        name = symbol.replace("RELIND", "RELIANCE")
        return Instrument.model_validate(
            {
                "instrument_id": 1,
                "symbol": name,
                "exchange": "NSE",
                "segment": "cash",
                "type": "equity",
                "name": name,
                "lot_size": 1,
                "tick_size": "0.05",
                "broker_code": "X",
                "broker_token": None if name.endswith("FUND") else "4.1!1",
            }
        )


class Bell:
    def __init__(self) -> None:
        self.rung: list[UUID] = []

    async def ring(self, user_id: UUID) -> None:
        self.rung.append(user_id)


class Sessions:
    def __init__(self, *sessions: BrokerSession) -> None:
        self.sessions = sessions

    async def active(self) -> Sequence[BrokerSession]:
        return self.sessions


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def subscriptions(db: AsyncEngine, bell: Bell) -> Subscriptions:
    return Subscriptions(PostgresSubscriptions(db), Directory(), bell)


async def test_a_list_is_kept_per_user_under_canonical_symbols(subscriptions: Subscriptions, bell: Bell) -> None:
    mine, theirs = new_id(), new_id()
    await subscriptions.add(mine, "t", ["NSE:RELIND", "NSE:INFY"], ["tick"])
    found = await subscriptions.add(mine, "t", ["NSE:RELIANCE"], ["depth", "tick"])
    assert [(each.symbol, list(each.modes)) for each in found] == [
        ("NSE:INFY", ["tick"]),
        ("NSE:RELIANCE", ["tick", "depth"]),
    ]
    assert await subscriptions.of(theirs) == []
    assert bell.rung == [mine, mine]


async def test_removal_takes_aliases_and_says_when_there_is_nothing(subscriptions: Subscriptions) -> None:
    user = new_id()
    await subscriptions.add(user, "t", ["NSE:RELIANCE"], ["tick"])
    await subscriptions.remove(user, "t", "NSE:RELIND")
    assert await subscriptions.of(user) == []
    with pytest.raises(NotFound) as missing:
        await subscriptions.remove(user, "t", "NSE:RELIANCE")
    assert missing.value.code == "subscription_not_found"


@pytest.mark.parametrize(("symbol", "code"), [("NSE:NOBODY", "instrument_not_found"), ("NSE:FUND", "not_streamable")])
async def test_what_has_no_feed_is_refused_and_nothing_is_stored(
    subscriptions: Subscriptions, symbol: str, code: str
) -> None:
    user = new_id()
    with pytest.raises((NotFound, InvalidInput)) as refused:
        await subscriptions.add(user, "t", ["NSE:INFY", symbol], ["tick"])
    assert refused.value.code == code
    assert await subscriptions.of(user) == []


async def test_there_is_a_limit(subscriptions: Subscriptions) -> None:
    user = new_id()
    await subscriptions.add(user, "t", [f"NSE:S{n}" for n in range(500)], ["tick"])
    with pytest.raises(InvalidInput) as refused:
        await subscriptions.add(user, "t", ["NSE:ONEMORE"], ["tick"])
    assert refused.value.code == "too_many_subscriptions"
    assert len(await subscriptions.of(user)) == 500


async def test_the_feed_carries_what_is_listened_to_and_what_its_user_subscribed(
    db: AsyncEngine, redis: "Redis", subscriptions: Subscriptions
) -> None:
    user, account = new_id(), new_id()
    session = BrokerSession(
        account_id=account,
        user_id=user,
        environment=BrokerEnvironment.SIMULATOR,
        state=BrokerSessionState.ACTIVE,
        version=1,
    )
    await subscriptions.add(user, "t", ["NSE:INFY"], ["tick", "depth"])
    seconds, _ = await redis.time()
    await redis.zadd(keys.feed_interest(str(account)), {"candle:1m:NSE:TCS": seconds + 10})
    interest = PersistedInterest(RedisInterest(redis), PostgresSubscriptions(db), Sessions(session))
    assert await interest.wanted(str(account)) == {"candle:1m:NSE:TCS", "tick:NSE:INFY", "depth:NSE:INFY"}
    assert await interest.wanted(str(new_id())) == frozenset()
