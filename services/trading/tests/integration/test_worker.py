"""The worker's own machinery on real servers: one leads, messages reach the channel, live prices reach the engine."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest_asyncio
import sqlalchemy as sa
from redis.asyncio import Redis

from breezeway import cancellation
from breezeway.bus.durable import DurableChannels, Place
from breezeway.clock import ClockMapping, SystemClock
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.exchange_time import SharedExchangeTime
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.redis.client import connect
from breezeway.testing.eventually import eventually
from trading_service.adapters.db.leadership import Leadership
from trading_service.adapters.redis.market import RedisBell, RedisMarketListener, RedisPrices
from trading_service.adapters.redis.relay import OutboxRelay

SYMBOL, FEED = "NSE:A", "feed"


class OneFeed:
    async def feed_of(self, user_id: object) -> str:
        return FEED


def tick(price: float, at: datetime) -> bytes:
    return orjson.dumps({"type": "tick", "symbol": SYMBOL, "ltp": price, "ts": int(at.timestamp() * 1000)})


@pytest_asyncio.fixture
async def time(redis: "Redis") -> SharedExchangeTime:
    """Exchange time is a year behind ours."""
    now = datetime.now(UTC)
    mapping = ClockMapping(now, now - timedelta(days=365), replay=True)
    await redis.set(keys.exchange_clock(), orjson.dumps(mapping))
    return SharedExchangeTime(SystemClock(), redis, None)


async def test_the_outbox_reaches_the_users_channel_in_order_and_is_emptied(service: Any, redis: "Redis") -> None:
    user, relay, channels = new_id(), OutboxRelay(service.engine, redis), DurableChannels(redis)
    start = (await channels.since(user, "orders", None)).place
    async with service.work() as work:
        for number in range(250):
            await work.tell(user, {"type": "order", "number": number})
        await work.commit()
    while await relay.carry():
        pass
    missed = await channels.since(user, "orders", Place(0, (await channels.since(user, "orders", None)).place.epoch))
    assert missed.complete
    assert [orjson.loads(each)["number"] for each in missed.bodies] == list(range(250))
    assert start.offset == 0
    async with service.work() as work:
        assert len(await work.waiting(300)) == 250
    assert await relay.forget_safe() == 250
    async with service.work() as work:
        assert await work.waiting(1) == []


async def test_the_successor_of_a_relay_that_died_tells_nothing_twice(service: Any, redis: "Redis") -> None:
    user, channels = new_id(), DurableChannels(redis)
    async with service.work() as work:
        await work.tell(user, {"type": "order", "number": 1})
        await work.commit()
    assert await OutboxRelay(service.engine, redis).carry() == 1
    async with service.work() as work:
        await work.tell(user, {"type": "order", "number": 2})
        await work.commit()
    successor = OutboxRelay(service.engine, redis)
    assert await successor.carry() == 2
    assert await successor.forget_safe() == 2
    place = (await channels.since(user, "orders", None)).place
    missed = await channels.since(user, "orders", Place(0, place.epoch))
    assert [orjson.loads(each)["number"] for each in missed.bodies] == [1, 2]


async def test_an_outbox_that_could_not_be_sent_waits(service: Any, valkey: EmbeddedValkey) -> None:
    away = connect("redis://127.0.0.1:1/0", retries=0, timeout=0.2)
    relay = asyncio.create_task(OutboxRelay(service.engine, away).run())
    async with service.work() as work:
        await work.tell(new_id(), {"type": "order"})
        await work.commit()
    await asyncio.sleep(0.3)
    assert not relay.done()
    await cancellation.end([relay])
    await away.aclose()
    async with service.work() as work:
        assert len(await work.waiting(10)) == 1


async def test_one_leads_and_another_takes_over_when_it_dies(service: Any) -> None:
    first, second = Leadership(service.engine), Leadership(service.engine)
    await first()
    waiting = asyncio.create_task(second())
    await asyncio.sleep(0.2)
    assert first.leads.is_set()
    assert not waiting.done()
    async with service.engine.begin() as connection:
        await connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        )
    await asyncio.wait_for(waiting, 60)
    assert second.leads.is_set()
    await second()
    for each in (first, second):
        await each.give_up()


@pytest_asyncio.fixture
async def listener(
    redis: "Redis", valkey: EmbeddedValkey, time: SharedExchangeTime
) -> AsyncIterator[tuple[RedisMarketListener, list[Any]]]:
    heard: list[Any] = []
    made = RedisMarketListener(
        redis,
        valkey.url,
        time,
        on_message=lambda feed, body: heard.append((feed, orjson.loads(body)["ltp"])),
        on_bell=lambda: heard.append("bell"),
        on_gap=lambda: heard.append("gap"),
    )
    task = asyncio.create_task(made.run())
    await eventually(lambda: made._subscriber.connected.is_set(), 60)
    yield made, heard
    await cancellation.end([task])


async def test_wanted_symbols_are_heard_and_asked_for(
    listener: tuple[RedisMarketListener, list[Any]], redis: "Redis"
) -> None:
    market, heard = listener
    now = datetime.now(UTC)
    await market.want({FEED: frozenset({SYMBOL})})
    wanted = {each.decode() for each in await redis.zrange(keys.feed_interest(FEED), 0, -1)}
    assert wanted == {f"tick:{SYMBOL}", f"depth:{SYMBOL}"}
    await redis.publish(keys.feed_channel(FEED, f"tick:{SYMBOL}"), tick(100.0, now))
    await RedisBell(redis).ring()
    await eventually(lambda: len(heard) == 2, 60)
    assert heard == [(FEED, 100.0), "bell"]
    await market.want({})
    assert await redis.publish(keys.feed_channel(FEED, f"tick:{SYMBOL}"), tick(101.0, now)) == 0


async def test_prices_come_with_exchange_time(redis: "Redis", time: SharedExchangeTime) -> None:
    prices, now = RedisPrices(redis, OneFeed(), time), datetime.now(UTC)
    user = new_id()
    assert await prices.last(user, [SYMBOL]) == {}
    await redis.hset(keys.snapshot(FEED), f"tick:{SYMBOL}", tick(100.05, now))
    found = (await prices.last(user, [SYMBOL]))[SYMBOL]
    assert str(found.price) == "100.05"
    assert abs((found.at - (now - timedelta(days=365))).total_seconds()) < 0.01


async def test_what_has_not_traded_today_has_no_price(redis: "Redis", time: SharedExchangeTime) -> None:
    """A market order must not be protected from 0: a buy would bid five rupees, a sell would take any price."""
    await redis.hset(keys.snapshot(FEED), f"tick:{SYMBOL}", tick(0, datetime.now(UTC)))
    assert await RedisPrices(redis, OneFeed(), time).last(new_id(), [SYMBOL]) == {}


async def test_a_request_waits_for_a_feed_that_was_just_asked(redis: "Redis", time: SharedExchangeTime) -> None:
    prices = RedisPrices(redis, OneFeed(), time)
    since = await time.now()

    async def answer() -> None:
        async def asked() -> bool:
            return bool(await redis.zcard(keys.feed_interest(FEED)))

        await eventually(asked, 60)
        await redis.hset(keys.snapshot(FEED), f"tick:{SYMBOL}", tick(100.0, datetime.now(UTC)))

    found, _ = await asyncio.gather(prices.await_fresh(new_id(), SYMBOL, since), answer())
    assert found is not None
    assert found.at >= since
