"""The users' durable `notifications` channel, and the bell that wakes the worker."""

from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.bus.durable import DurableChannels
from breezeway.contracts.events import NotificationView
from breezeway.contracts.stream import ChannelKind
from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys


class RedisWebChannel:
    """Implements `ports.WebChannel`."""

    def __init__(self, redis: "Redis") -> None:
        self._channels = DurableChannels(redis)

    async def show(self, user_id: UUID, notification: NotificationView) -> None:
        message = {
            "type": "notification",
            **notification.model_dump(mode="json", exclude={"read_at"}),
            "ts": int(notification.at.timestamp() * 1000),
        }
        try:
            await self._channels.append(user_id, ChannelKind.NOTIFICATIONS, message, once=notification.id)
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable("Redis takes no notification.", code="redis_unavailable") from error


class RedisBell:
    """Implements `ports.Bell`."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def ring(self) -> None:
        try:
            await self._redis.publish(keys.alerts_changed(), b"")
        except (RedisError, OSError):
            # The worker looks by itself every few seconds.
            return
