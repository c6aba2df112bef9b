"""A pub/sub listener that survives Redis: it reconnects, subscribes to everything again, and reports the gap.

redis-py's own `listen()` ends with an error when the connection breaks, can wait forever on one that died silently, and
costs a coroutine and a timer a message.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

import structlog
from redis.exceptions import RedisError

from breezeway import cancellation
from breezeway.bus.wire import ListeningWire
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
        self._url = url
        self._redis = connect(url, max_connections=4, retries=0)
        self._handler = handler
        self._on_gap = on_gap
        self._wanted: set[str] = set()
        self._names: dict[bytes, str] = {}
        self._wire: ListeningWire | None = None
        self._heartbeat = f"bw:heartbeat:{new_id().hex}"
        self._heard_at = 0.0
        self._running = False
        self._deaf_since: float | None = None
        self.connected = asyncio.Event()

    @property
    def channels(self) -> frozenset[str]:
        """What we want to hear."""
        return frozenset(self._wanted)

    async def subscribe(self, channels: Iterable[str]) -> None:
        """Add channels; returns once Redis delivers them. While disconnected it returns at once, and a gap is reported
        when the connection stands, also when it is the first."""
        new = [channel for channel in channels if channel not in self._wanted]
        self._wanted.update(new)
        if new:
            self._names |= {channel.encode(): channel for channel in new}
            self._tell("SUBSCRIBE", new)
            if self._wire is not None:
                with contextlib.suppress(RedisError, OSError):
                    await self._wire.settle()
            elif self._running and self._deaf_since is None:
                self._deaf_since = asyncio.get_running_loop().time()

    async def unsubscribe(self, channels: Iterable[str]) -> None:
        """Remove channels."""
        gone = [channel for channel in channels if channel in self._wanted]
        self._wanted.difference_update(gone)
        if gone:
            for channel in gone:
                del self._names[channel.encode()]
            self._tell("UNSUBSCRIBE", gone)

    def _tell(self, verb: str, channels: list[str]) -> None:
        # When the connection is down, or breaks now, the whole wanted set is restored with the next one.
        if self._wire is not None:
            self._wire.send(verb, channels)

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            await self._listen_for_ever()
        finally:
            await self._redis.aclose()

    async def _listen_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        self._running = True
        while True:
            cancellation.heed()
            try:
                wire = await ListeningWire.connect(self._url, self._on_message)
                try:
                    wire.send("SUBSCRIBE", [self._heartbeat, *self._wanted])
                    self._wire = wire
                    async with asyncio.timeout(_DEAF_SECONDS):
                        await wire.settle()
                    self._heard_at = loop.time()
                    self.connected.set()
                    attempt = 0
                    if self._deaf_since is not None and self._on_gap is not None:
                        await self._on_gap(loop.time() - self._deaf_since)
                    self._deaf_since = None
                    await self._listen(wire)
                finally:
                    wire.close()
            except* (RedisError, OSError, TimeoutError) as errors:
                if self._deaf_since is None:
                    self._deaf_since = self._heard_at or loop.time()
                _log.warning("pubsub_lost", error=repr(errors.exceptions[0]), attempt=attempt)
            finally:
                self.connected.clear()
                self._wire = None
            await asyncio.sleep(_BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)])
            attempt += 1

    async def _listen(self, wire: ListeningWire) -> None:
        # No task group: Python 3.11's leaves `cancelling()` raised in its parent when a child fails, after which nobody
        # can tell any more whether the parent has been cancelled, and swallows a cancellation that comes with an error.
        beat = asyncio.create_task(self._beat(), name="pubsub-heartbeat")
        try:
            await asyncio.wait((beat, wire.closed), return_when=asyncio.FIRST_COMPLETED)
            if wire.closed.done():
                raise wire.closed.result()
            beat.result()
        finally:
            # Cancelled until it ends: redis-py can swallow a cancellation while it connects, and a heart that went on
            # beating would be waited for, for ever.
            await cancellation.end([beat])

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            cancellation.heed()
            await self._redis.publish(self._heartbeat, b"")
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            if loop.time() - self._heard_at > _DEAF_SECONDS:
                raise TimeoutError("pub/sub has gone silent")

    def _on_message(self, channel: bytes, payload: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        name = self._names.get(channel)
        # Without a name it is our heartbeat, or was on its way when its channel was given up.
        if name is not None:
            self._handler(name, payload)
