"""A pub/sub listener that survives Redis: it reconnects, subscribes to everything again, and reports the gap.

redis-py's own `listen()` ends with an error when the connection breaks, and can wait forever on one that died silently.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from breezeway.ids import new_id
from breezeway.redis.client import connect

Handler = Callable[[str, bytes], None]
"""Called on the event loop with (channel, payload) for every message. It must not block, and must not raise."""

OnGap = Callable[[float], Awaitable[None]]
"""Called after each reconnection with the seconds during which messages may have been missed."""

_log = structlog.get_logger()

_HEARTBEAT_SECONDS = 1.0
_DEAF_SECONDS = 3.5
_BACKOFF_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)


class Subscriber:
    """One Redis connection that listens to a changing set of channels.

    Run `run()` in a task that somebody owns. `subscribe` and `unsubscribe` may be called at any time, also while the
    connection is down: the wanted set is what counts, and it is restored on every reconnection.

    A heartbeat published to a channel of our own proves once a second that the whole way works; when it stays away for
    3.5 seconds the connection is replaced.
    """

    def __init__(self, url: str, handler: Handler, on_gap: OnGap | None = None) -> None:
        self._redis = connect(url, max_connections=4, retries=0)
        self._handler = handler
        self._on_gap = on_gap
        self._wanted: set[str] = set()
        self._pubsub: PubSub | None = None
        self._heartbeat = f"bw:heartbeat:{new_id().hex}"
        self._heard_at = 0.0
        self.connected = asyncio.Event()

    @property
    def channels(self) -> frozenset[str]:
        """What we want to hear."""
        return frozenset(self._wanted)

    async def subscribe(self, channels: Iterable[str]) -> None:
        """Add channels; returns once Redis has been asked, or at once while disconnected."""
        new = [channel for channel in channels if channel not in self._wanted]
        self._wanted.update(new)
        if new:
            await self._tell("subscribe", new)

    async def unsubscribe(self, channels: Iterable[str]) -> None:
        """Remove channels."""
        gone = [channel for channel in channels if channel in self._wanted]
        self._wanted.difference_update(gone)
        if gone:
            await self._tell("unsubscribe", gone)

    async def _tell(self, verb: str, channels: list[str]) -> None:
        if self._pubsub is None or not self.connected.is_set():
            return
        # A failure here is the listener's to notice: it reconnects and restores the whole wanted set.
        with contextlib.suppress(RedisError, OSError):
            await getattr(self._pubsub, verb)(*channels)

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            await self._listen_for_ever()
        finally:
            await self._redis.aclose()

    async def _listen_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        lost_at: float | None = None
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    self._pubsub = pubsub
                    await pubsub.subscribe(self._heartbeat, *self._wanted)
                    self._heard_at = loop.time()
                    self.connected.set()
                    attempt = 0
                    if lost_at is not None and self._on_gap is not None:
                        await self._on_gap(loop.time() - lost_at)
                    lost_at = None
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._beat(), name="pubsub-heartbeat")
                        group.create_task(self._read(pubsub), name="pubsub-reader")
            except* (RedisError, OSError, TimeoutError) as errors:
                if lost_at is None:
                    lost_at = self._heard_at or loop.time()
                _log.warning("pubsub_lost", error=repr(errors.exceptions[0]), attempt=attempt)
            finally:
                self.connected.clear()
                self._pubsub = None
            await asyncio.sleep(_BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)])
            attempt += 1

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._redis.publish(self._heartbeat, b"")
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            if loop.time() - self._heard_at > _DEAF_SECONDS:
                raise TimeoutError("pub/sub has gone silent")

    async def _read(self, pubsub: PubSub) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message: dict[str, Any] | None = await pubsub.get_message(
                ignore_subscribe_messages=True, timeout=_DEAF_SECONDS
            )
            if message is None:
                continue
            self._heard_at = loop.time()
            channel = message["channel"].decode()
            if channel != self._heartbeat:
                self._handler(channel, message["data"])
