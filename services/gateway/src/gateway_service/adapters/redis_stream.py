"""The stream's Redis side: topics, snapshots and interest."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import cast
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.bus.durable import DurableChannels, Place
from breezeway.bus.subscriber import OnGap, Subscriber
from breezeway.redis import keys
from gateway_service.application.stream_ports import History
from gateway_service.domain.commands import Position

_log = structlog.get_logger()

_TTL_SECONDS = 15

# Redis's own clock decides what has lapsed, because owner and gateway may run on machines that disagree.
_ANNOUNCE = """
local now = tonumber(redis.call('TIME')[1])
local new = 0
for i = 3, #ARGV do
  local until_ = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if not until_ or tonumber(until_) <= now then new = new + 1 end
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), ARGV[i])
end
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[1]) * 4)
if new > 0 then redis.call('PUBLISH', KEYS[2], ARGV[2]) end
return new
"""


class RedisTopics:
    """Implements `stream_ports.Topics`."""

    def of_feed(self, feed: str, channel: str) -> str:
        return keys.feed_channel(feed, channel)

    def of_user(self, user_id: UUID, channel: str) -> str:
        return keys.user_channel(user_id, channel)


class RedisBroker:
    """Implements `stream_ports.Broker`, and hears what concerns all connections.

    Args:
        on_message: (topic, body) of a topic that somebody has subscribed to.
        control: channel to handler, for messages that are not for clients.
        on_gap: after a reconnection, with the seconds during which messages were missed.
    """

    def __init__(
        self,
        url: str,
        *,
        on_message: Callable[[str, bytes], object],
        control: dict[str, Callable[[bytes], None]],
        on_gap: OnGap,
    ) -> None:
        self._on_message = on_message
        self._control = control
        self._subscriber = Subscriber(url, self._handle, on_gap)

    @property
    def connected(self) -> bool:
        return self._subscriber.connected.is_set()

    async def subscribe(self, topics: Sequence[str]) -> None:
        await self._subscriber.subscribe(topics)

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        await self._subscriber.unsubscribe(topics)

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._subscriber.subscribe(self._control)
        await self._subscriber.run()

    async def ready(self) -> None:
        """Raise while the listener is cut off; for readiness checks."""
        if not self.connected:
            raise ConnectionError("the stream's Redis listener is not connected")

    def _handle(self, channel: str, body: bytes) -> None:
        control = self._control.get(channel)
        if control is not None:
            control(body)
        else:
            self._on_message(channel, body)


class RedisSnapshots:
    """Implements `stream_ports.Snapshots`."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def latest(self, feed: str, channels: Sequence[str]) -> list[bytes | None]:
        try:
            # redis-py types one method for its blocking and its asyncio client; ours is the latter.
            answer = cast("Awaitable[list[bytes | None]]", self._redis.hmget(keys.snapshot(feed), list(channels)))
            return await answer
        except (RedisError, OSError) as error:
            # A subscription without its snapshot still becomes live; the listener reports the gap.
            _log.warning("snapshot_unavailable", error=repr(error))
            return [None] * len(channels)


class RedisHistories:
    """Implements `stream_ports.Histories`."""

    def __init__(self, redis: "Redis") -> None:
        self._channels = DurableChannels(redis)

    async def since(self, user_id: UUID, channel: str, position: Position | None) -> History | None:
        place = None if position is None else Place(position.offset, position.epoch)
        try:
            missed = await self._channels.since(user_id, channel, place)
        except (RedisError, OSError) as error:
            _log.warning("history_unavailable", channel=channel, error=repr(error))
            return None
        return History(Position(missed.place.offset, missed.place.epoch), missed.bodies, missed.complete)


class RedisInterest:
    """Implements `stream_ports.Interest`: a sorted set per feed, whose entries lapse after 15 seconds."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._announce = redis.register_script(_ANNOUNCE)

    async def announce(self, feed: str, channels: Collection[str]) -> None:
        if not channels:
            return
        try:
            await self._announce(
                keys=[keys.feed_interest(feed), keys.interest_changed()], args=[_TTL_SECONDS, feed, *channels]
            )
        except (RedisError, OSError) as error:
            # Announced again within seconds by the refresh.
            _log.warning("interest_not_announced", error=repr(error))
