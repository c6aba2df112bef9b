"""The newest 1-minute bar and tick of the user's feed, and word to its owner that somebody reads them."""

import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.candles.folding import Bar
from breezeway.contracts.stream import Channel, ChannelKind
from breezeway.errors import Conflict, UpstreamUnavailable
from breezeway.intervals import Interval
from breezeway.redis import keys
from market_data_service.adapters.upstream.broker_sessions import HttpBrokerSessions

_INTEREST_SECONDS = 90
_MINUTE = 60


class RedisLiveBars:
    """`LiveBars`. Asking once makes the feed publish the symbol's forming bar for a minute and a half."""

    def __init__(self, redis: Redis, sessions: HttpBrokerSessions) -> None:
        self._redis = redis
        self._sessions = sessions

    async def newest(self, user_id: UUID, symbol: str) -> Sequence[Bar]:
        try:
            feed = str((await self._sessions.session(user_id)).account_id)
        except (Conflict, UpstreamUnavailable):
            # Without a session, or with auth away, the stored candles are still an answer.
            return ()
        bar_channel = Channel(ChannelKind.CANDLE, symbol, Interval.MINUTE_1).name
        channels = [bar_channel, Channel(ChannelKind.TICK, symbol).name]
        try:
            pipe = self._redis.pipeline(transaction=False)
            pipe.hmget(keys.snapshot(feed), channels)
            pipe.zadd(keys.feed_interest(feed), {bar_channel: int(time.time()) + _INTEREST_SECONDS}, gt=True)
            stored, is_new = await cast("Awaitable[tuple[list[bytes | None], int]]", pipe.execute())
            if is_new:
                await self._redis.publish(keys.interest_changed(), feed)
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable("The live bars cannot be read.", code="redis_unavailable") from error
        return bars_of(*(None if body is None else orjson.loads(body) for body in stored))


def bars_of(candle: Mapping[str, Any] | None, tick: Mapping[str, Any] | None) -> list[Bar]:
    """The bar as published, and, when a later minute has ticked since, that minute as far as one tick tells it."""
    bars = []
    if candle is not None:
        names = ("t", "o", "h", "l", "c", "v", "oi", "closed")
        bars.append(Bar(*(candle[name] for name in names)))
    if tick is not None and tick["ltp"]:
        minute = int(tick["ltt"]) // 1000 // _MINUTE * _MINUTE
        price = tick["ltp"]
        if not bars or minute > bars[-1].t:
            bars.append(Bar(minute, price, price, price, price, 0, tick["oi"], closed=False))
    return bars
