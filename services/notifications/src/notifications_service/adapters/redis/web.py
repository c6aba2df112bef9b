"""The users' durable `notifications` channel, and the bell that wakes the worker."""

import asyncio
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway import cancellation
from breezeway.bus.durable import Append
from breezeway.bus.safe_writer import SafeWriter
from breezeway.contracts.events import NotificationView
from breezeway.contracts.stream import ChannelKind
from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys

_SAFE_SECONDS: Final = 20.0
"""Shorter than a lease: who waits longer has its delivery begun again by another."""
_SPACING_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = 0.5

_log = structlog.get_logger()


class RedisWebChannel:
    """Implements `ports.WebChannel`. Run `run()` in a task, or nothing that is shown is ever safe."""

    def __init__(self, redis: "Redis") -> None:
        self._writer = SafeWriter(redis)
        self._shown = asyncio.Event()
        self._waiting: dict[UUID, asyncio.Future[None]] = {}

    async def show(self, user_id: UUID, notification: NotificationView) -> None:
        message = {
            "type": "notification",
            **notification.model_dump(mode="json", exclude={"read_at"}),
            "ts": int(notification.at.timestamp() * 1000),
        }
        append = Append(user_id, ChannelKind.NOTIFICATIONS, message, once=notification.id)
        try:
            await self._writer.offer([append])
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable("Redis takes no notification.", code="redis_unavailable") from error
        safe = self._waiting.setdefault(notification.id, asyncio.get_running_loop().create_future())
        self._shown.set()
        await asyncio.wait({safe}, timeout=_SAFE_SECONDS)
        if not safe.done():
            raise UpstreamUnavailable("Redis does not say that it has it on disk.", code="redis_unavailable")

    async def run(self) -> None:
        """Learn what is safe until cancelled."""
        while True:
            cancellation.heed()
            await self._shown.wait()
            self._shown.clear()
            while self._writer.unsafe:
                cancellation.heed()
                try:
                    names = await self._writer.confirm()
                except (RedisError, OSError) as error:
                    _log.warning("shown_not_safe", error=type(error).__name__)
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                for name in names:
                    safe = self._waiting.pop(name, None)
                    if safe is not None and not safe.done():
                        safe.set_result(None)
                await asyncio.sleep(_SPACING_SECONDS)


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
