"""Live ticks out of Redis."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.bus.interest import FeedInterest
from breezeway.bus.subscriber import Subscriber
from breezeway.contracts.stream import Channel, ChannelKind
from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys


class RedisLatestTicks:
    """Implements `ports.LatestTicks`: what the feed owner has kept."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def latest(self, feed: str, symbols: Sequence[str]) -> Sequence[bytes]:
        names = [_tick(symbol) for symbol in symbols]
        try:
            # redis-py types its blocking and its asyncio client in one; ours is the latter.
            read = cast("Awaitable[list[bytes | None]]", self._redis.hmget(keys.snapshot(feed), names))
            return [body for body in await read if body is not None]
        except (RedisError, OSError) as error:
            raise _away() from error


class RedisLivePrices(RedisLatestTicks):
    """Implements `ports.LivePrices`.

    Args:
        on_message: called with feed and body of each tick.
        on_bell: called when alerts were changed, and after messages may have been missed.
    """

    def __init__(
        self, redis: "Redis", url: str, *, on_message: Callable[[str, bytes], None], on_bell: Callable[[], None]
    ) -> None:
        super().__init__(redis)
        self._on_message = on_message
        self._on_bell = on_bell
        self._interest = FeedInterest(redis)
        self._feeds: dict[str, str] = {}

        async def missed(_seconds: float) -> None:
            # The snapshot then shows on which side the market is by now.
            on_bell()

        self._subscriber = Subscriber(url, self._handle, missed)

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._subscriber.subscribe([keys.alerts_changed()])
        await self._subscriber.run()

    async def want(self, wanted: Mapping[str, frozenset[str]]) -> None:
        feeds: dict[str, str] = {}
        for feed, symbols in wanted.items():
            channels = [_tick(symbol) for symbol in symbols]
            feeds |= {keys.feed_channel(feed, channel): feed for channel in channels}
            try:
                await self._interest.announce(feed, channels)
            except (RedisError, OSError) as error:
                raise _away() from error
        gone = [topic for topic in self._feeds if topic not in feeds]
        self._feeds = feeds
        await self._subscriber.subscribe(feeds)
        await self._subscriber.unsubscribe(gone)

    def _handle(self, channel: str, body: bytes) -> None:
        feed = self._feeds.get(channel)
        if feed is not None:
            self._on_message(feed, body)
        elif channel == keys.alerts_changed():
            self._on_bell()


def _tick(symbol: str) -> str:
    return Channel(ChannelKind.TICK, symbol).name


def _away() -> UpstreamUnavailable:
    return UpstreamUnavailable("The live prices cannot be read.", code="redis_unavailable", retry_after=2)
