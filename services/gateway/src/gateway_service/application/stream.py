"""The stream as a whole: what happens beside the connections, and on whose word."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from breezeway import cancellation
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.garbage import Remains
from gateway_service.application.connection import Backstage, Connection
from gateway_service.application.outbox import Outbox
from gateway_service.application.registry import Kick, Registry
from gateway_service.application.stream_ports import SymbolDirectory
from gateway_service.domain.addresses import UNKNOWN
from gateway_service.domain.close_codes import CloseCode
from gateway_service.domain.door import Door

_log = structlog.get_logger()

_REMAINS = 256
"""Connections that have ended, four megabytes, after which what they left is collected."""
_TIDY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What a client may take, and how patient we are. Seconds, bytes and counts."""

    auth_seconds: float = 10.0
    outbox_bytes: int = 1_048_576
    max_channels: int = 1_000
    max_connections_per_user: int = 10
    max_connections: int = 5_000
    accepts_per_second: float = 400.0
    """Handshakes that are let through on average; twice as many may come at once. A whole fleet that reconnects at the
    same moment is spread by refusing the rest, which costs next to nothing."""
    slow_seconds: float = 5.0
    interest_seconds: float = 5.0
    expiry_leeway_seconds: float = 5.0


class Stream:
    """What the WebSocket edge works with.

    `run` must be running: it keeps interest alive, unsubscribes what nobody hears any more and closes stuck clients.

    Args:
        forget_feeds: makes the feed directory ask again which feed serves a user.
    """

    def __init__(
        self,
        stage: Backstage,
        registry: Registry,
        limits: StreamLimits,
        *,
        forget_feeds: Callable[[], None],
    ) -> None:
        self.limits = limits
        self.registry = registry
        self._stage = stage
        self._forget_everybody = forget_feeds
        self._numbers = itertools.count(1)
        self._door = Door(limits.accepts_per_second)
        self._woken = asyncio.Event()
        self._cut = asyncio.Event()
        self._remains = Remains(_REMAINS)

    def open(self, kick: Kick, ip: str = UNKNOWN) -> Connection:
        """A connection from `ip` that has been accepted but has not said who it is."""
        outbox = Outbox(limit=self.limits.outbox_bytes, on_overflow=lambda: kick(CloseCode.TOO_SLOW, "too_slow"))
        connection = Connection(next(self._numbers), outbox, self._stage, ip)
        self.registry.add(connection, kick)
        return connection

    def admit(self, now: float) -> bool:
        """Whether a handshake at monotonic second `now` is let through."""
        full = self.registry.draining or len(self.registry) >= self.limits.max_connections
        return not full and self._door.admit(now)

    @property
    def symbols(self) -> SymbolDirectory:
        return self._stage.symbols

    async def check_open(self) -> None:
        """Raise while everybody is being sent away; for readiness checks."""
        if self.registry.draining:
            raise RuntimeError("draining")

    def now(self) -> float:
        """Wall time, epoch seconds."""
        return self._stage.now_ms() / 1000

    def close(self, connection: Connection) -> None:
        connection.close()
        self.registry.remove(connection)
        self._remains.add()

    def on_revoked(self, raw: bytes) -> None:
        """A message of `keys.user_revoked()`."""
        try:
            event = CredentialsRevoked.model_validate_json(raw)
        except ValueError as error:
            _log.error("revocation_unreadable", error=repr(error))
            return
        closed = self.registry.revoke(event.user_id, event.session_id)
        if closed:
            _log.info("connections_revoked", count=closed)

    def on_broker_session(self, raw: bytes) -> None:
        """A message of `keys.broker_session_events()`."""
        # Nobody is singled out: the session may be the operator's shared one, which serves users it does not name.
        _log.info("broker_session_changed", size=len(raw))
        self._forget_everybody()
        self._woken.set()

    async def on_gap(self, seconds: float) -> None:
        """The way from Redis was cut for `seconds`; revocations and session events may be among what was missed."""
        self.registry.announce_gap(seconds, "stream_interrupted")
        self._forget_everybody()
        self._woken.set()
        self._cut.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(0.5, self._sweep), name="stream-sweep")
            group.create_task(self._every(_TIDY_SECONDS, self._tidy), name="stream-tidy")
            group.create_task(self._every(self.limits.interest_seconds, self._refresh), name="stream-interest")
            group.create_task(self._reassign_when_told(), name="stream-reassign")
            group.create_task(self._recover_when_cut(), name="stream-recover")

    async def _sweep(self) -> None:
        self.registry.kick_stuck()
        await self._stage.hub.sweep()

    async def _tidy(self) -> None:
        self._remains.sweep()

    async def _refresh(self) -> None:
        await self.registry.refresh_interest()

    async def _reassign_when_told(self) -> None:
        while True:
            cancellation.heed()
            await self._woken.wait()
            self._woken.clear()
            await self.registry.reassign()

    async def _recover_when_cut(self) -> None:
        while True:
            cancellation.heed()
            await self._cut.wait()
            self._cut.clear()
            await self.registry.recover()

    @staticmethod
    async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            cancellation.heed()
            await asyncio.sleep(seconds)
            await work()
