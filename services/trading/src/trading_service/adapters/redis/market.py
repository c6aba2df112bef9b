"""Market data out of Redis: the snapshots that requests look at, and the channels that the matcher listens to."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.bus.interest import FeedInterest
from breezeway.bus.subscriber import OnGap, Subscriber
from breezeway.clock import ClockMapping
from breezeway.contracts.stream import Channel, ChannelKind
from breezeway.errors import UpstreamUnavailable
from breezeway.exchange.market import quoted_price
from breezeway.exchange_time import SharedExchangeTime
from breezeway.redis import keys
from trading_service.application.ports import Feeds, LastPrice

_FRESH_SECONDS = 2.5
"""How long a request waits for a feed that has just been asked for an instrument."""
_POLL_SECONDS = 0.05


class RedisPrices:
    """Implements `ports.Prices`."""

    def __init__(self, redis: "Redis", feeds: Feeds, time: SharedExchangeTime) -> None:
        self._redis = redis
        self._feeds = feeds
        self._time = time
        self._interest = FeedInterest(redis)

    async def last(self, user_id: UUID, symbols: Collection[str]) -> Mapping[str, LastPrice]:
        feed = await self._feeds.feed_of(user_id)
        if feed is None or not symbols:
            return {}
        clock = await self._time.mapping()
        names = list(symbols)
        bodies = await snapshot(self._redis, feed, [Channel(ChannelKind.TICK, name).name for name in names])
        messages = {name: orjson.loads(body) for name, body in zip(names, bodies, strict=True) if body is not None}
        # Before its first trade of the day an instrument has no price: its ticks say 0.
        return {name: _price(message, clock) for name, message in messages.items() if message["ltp"]}

    async def await_fresh(self, user_id: UUID, symbol: str, since: datetime) -> LastPrice | None:
        feed = await self._feeds.feed_of(user_id)
        if feed is None:
            return None
        try:
            await self._interest.announce(feed, [Channel(ChannelKind.TICK, symbol).name])
        except (RedisError, OSError) as error:
            raise _away() from error
        loop = asyncio.get_running_loop()
        until = loop.time() + _FRESH_SECONDS
        while True:
            found = (await self.last(user_id, [symbol])).get(symbol)
            if (found is not None and found.at >= since) or loop.time() > until:
                return found
            await asyncio.sleep(_POLL_SECONDS)


class RedisMarketListener:
    """Implements `matcher.MarketListener`.

    Args:
        on_message: called with feed and body of each message of a wanted channel.
        on_bell: called when commands wait.
        on_gap: called after messages may have been missed.
    """

    def __init__(
        self,
        redis: "Redis",
        url: str,
        time: SharedExchangeTime,
        *,
        on_message: Callable[[str, bytes], None],
        on_bell: Callable[[], None],
        on_gap: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._time = time
        self._on_message = on_message
        self._on_bell = on_bell
        self._interest = FeedInterest(redis)
        self._feeds: dict[str, str] = {}

        async def missed(_seconds: float) -> None:
            on_gap()

        gap: OnGap = missed
        self._subscriber = Subscriber(url, self._handle, gap)

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._subscriber.subscribe([keys.order_commands()])
        await self._subscriber.run()

    async def want(self, wanted: Mapping[str, frozenset[str]]) -> None:
        feeds: dict[str, str] = {}
        for feed, symbols in wanted.items():
            channels = [Channel(kind, s).name for s in symbols for kind in (ChannelKind.TICK, ChannelKind.DEPTH)]
            feeds |= {keys.feed_channel(feed, channel): feed for channel in channels}
            try:
                await self._interest.announce(feed, channels)
            except (RedisError, OSError) as error:
                raise _away() from error
        gone = [topic for topic in self._feeds if topic not in feeds]
        self._feeds = feeds
        await self._subscriber.subscribe(feeds)
        await self._subscriber.unsubscribe(gone)

    async def mapping(self) -> ClockMapping:
        return await self._time.mapping()

    def now(self, mapping: ClockMapping) -> datetime:
        return mapping.at(self._time.wall.now())

    async def latest(self, feed: str, symbol: str) -> list[bytes]:
        # Depth first: the tick that follows restates its touch.
        names = [Channel(kind, symbol).name for kind in (ChannelKind.DEPTH, ChannelKind.TICK)]
        found = [body for body in await snapshot(self._redis, feed, names) if body is not None]
        return sorted(found, key=lambda body: orjson.loads(body)["ts"])

    def _handle(self, channel: str, body: bytes) -> None:
        feed = self._feeds.get(channel)
        if feed is not None:
            self._on_message(feed, body)
        else:
            self._on_bell()


class RedisBell:
    """Implements `ports.Bell`."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def ring(self) -> None:
        try:
            await self._redis.publish(keys.order_commands(), b"")
        except (RedisError, OSError):
            # The matcher looks by itself several times a second.
            return


async def snapshot(redis: "Redis", feed: str, channels: list[str]) -> list[bytes | None]:
    """The newest message of each channel.

    Raises:
        UpstreamUnavailable: `redis_unavailable`.
    """
    try:
        # redis-py types its blocking and its asyncio client in one; ours is the latter.
        return await cast("Awaitable[list[bytes | None]]", redis.hmget(keys.snapshot(feed), channels))
    except (RedisError, OSError) as error:
        raise _away() from error


def _price(message: Mapping[str, Any], clock: ClockMapping) -> LastPrice:
    bands = (message.get("lower_band"), message.get("upper_band"))
    lower, upper = (quoted_price(band) if band else None for band in bands)
    at = clock.at(datetime.fromtimestamp(message["ts"] / 1000, UTC))
    before = message.get("prev_close")
    return LastPrice(quoted_price(message["ltp"]), at, lower, upper, quoted_price(before) if before else None)


def _away() -> UpstreamUnavailable:
    return UpstreamUnavailable("The live prices cannot be read.", code="redis_unavailable", retry_after=2)
