"""Live bars out of Redis: what is read, and that reading makes the feed publish."""

import time
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from redis.asyncio import Redis

from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.errors import Conflict
from breezeway.ids import new_id
from breezeway.redis import keys
from market_data_service.adapters.redis.live_bars import RedisLiveBars

FEED = "feed-1"
OPEN = 1_795_146_300


class Sessions:
    error: Exception | None = None

    async def session(self, user_id: object) -> Any:
        if self.error is not None:
            raise self.error
        return SimpleNamespace(account_id=FEED)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


async def test_the_forming_bar_is_read_and_interest_announced_once(valkey: EmbeddedValkey, sessions: Sessions) -> None:
    redis = Redis.from_url(valkey.url)
    listener = redis.pubsub()
    try:
        await redis.flushdb()
        await listener.subscribe(keys.interest_changed())
        await listener.get_message(timeout=1)
        body = {"t": OPEN, "o": 1.0, "h": 3.0, "l": 1.0, "c": 2.0, "v": 4, "oi": None, "closed": False}
        await cast(Any, redis.hset(keys.snapshot(FEED), "candle:1m:NSE:INFY", orjson.dumps(body)))
        live = RedisLiveBars(redis, cast(Any, sessions))
        for _ in range(2):
            (bar,) = await live.newest(new_id(), "NSE:INFY")
            assert (bar.t, bar.h, bar.v, bar.closed) == (OPEN, 3.0, 4, False)
        told = await listener.get_message(ignore_subscribe_messages=True, timeout=1)
        assert told is not None
        assert told["data"] == FEED.encode()
        assert await listener.get_message(ignore_subscribe_messages=True, timeout=0.1) is None
        score = await redis.zscore(keys.feed_interest(FEED), "candle:1m:NSE:INFY")
        assert score is not None
        assert 60 < score - time.time() <= 91
    finally:
        await listener.aclose()
        await redis.aclose()


async def test_without_a_session_there_are_no_live_bars(valkey: EmbeddedValkey, sessions: Sessions) -> None:
    redis = Redis.from_url(valkey.url)
    try:
        sessions.error = Conflict("connect first", code="broker_session_required")
        assert await RedisLiveBars(redis, cast(Any, sessions)).newest(new_id(), "NSE:INFY") == ()
    finally:
        await redis.aclose()
