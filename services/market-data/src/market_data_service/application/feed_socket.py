"""Keeps one broker session connected: credentials, patience, suspicion of silence."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from breezeway import cancellation
from breezeway.contracts.broker import BrokerSession
from breezeway.errors import BreezewayError, Forbidden, Rejected, Unauthenticated
from market_data_service.application.feed_ports import BrokerSessions, FeedConnection, FeedSource, OnEvent
from market_data_service.domain.feed_state import FeedEvent
from market_data_service.domain.stall import StallDetector

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SocketRules:
    """Seconds."""

    connect_timeout: float = 15.0
    backoff_first: float = 0.5
    backoff_most: float = 20.0
    refused: float = 30.0
    """Between two tries with a session that the broker has refused."""
    close_timeout: float = 4.0
    look: float = 1.0
    """Between two looks at how long the feed has been silent."""


class SocketUser(Protocol):
    """Whom the connection is kept for."""

    def enter(self, event: FeedEvent, reason: str | None) -> None:
        """The connection's state has changed."""
        ...

    def connected(self) -> None:
        """A new connection is there, in no room yet."""
        ...

    def lost(self, why: str) -> None:
        """The connection is gone; what the market says until the next one is missed."""
        ...

    def expects_data(self) -> bool:
        """Whether silence means anything: somebody listens, and the market is open."""
        ...


class SocketKeeper:
    """Run `run()` in a task. There is never a second connection before the first one has been closed."""

    def __init__(
        self,
        feed: str,
        session: BrokerSession,
        user: SocketUser,
        on_event: OnEvent,
        *,
        source: FeedSource,
        sessions: BrokerSessions,
        rules: SocketRules,
        time: Callable[[], float],
    ) -> None:
        self._feed = feed
        self._session = session
        self._user = user
        self._on_event = on_event
        self._source = source
        self._sessions = sessions
        self._rules = rules
        self._time = time
        self._stall = StallDetector()
        self._renewed = asyncio.Event()
        self.connection: FeedConnection | None = None
        """The one that is open."""

    def renew(self, session: BrokerSession) -> None:
        """The account has a new broker session: connect again with it, now."""
        self._session = session
        self._renewed.set()

    def heard(self) -> None:
        """Data of a room that somebody listens to has arrived."""
        self._stall.heard(self._time())

    async def run(self) -> None:
        failures = 0
        while True:
            cancellation.heed()
            self._renewed.clear()
            try:
                connection = await self._connect()
            except (Unauthenticated, Forbidden, Rejected) as error:
                await self._refused(error)
                await self._pause(self._rules.refused)
            except (BreezewayError, TimeoutError, OSError) as error:
                failures += 1
                self._user.enter(FeedEvent.FAILED, getattr(error, "code", type(error).__name__))
                await self._pause(self._backoff(failures))
            else:
                began = self._time()
                why = await self._serve(connection)
                await self.close()
                self._user.lost(why)
                if why not in ("stalled", "session_renewed"):
                    self._user.enter(FeedEvent.FAILED, why)
                    # One that keeps falling over at once must not be hammered; one that held may come back fast.
                    failures = failures + 1 if self._time() - began < 30 else 1
                    await self._pause(self._backoff(failures))
            self._user.enter(FeedEvent.RETRY, None)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(BreezewayError, OSError, TimeoutError):
                async with asyncio.timeout(self._rules.close_timeout):
                    await connection.close()

    async def _connect(self) -> FeedConnection:
        async with asyncio.timeout(self._rules.connect_timeout):
            # Read anew every time: yesterday's session, or one that was revoked, must never be tried again.
            credentials = await self._sessions.credentials(self._session.account_id)
            connection = await self._source.connect(credentials, self._on_event)
        self.connection = connection
        self._stall.connected(self._time())
        self._user.enter(FeedEvent.CONNECTED, None)
        self._user.connected()
        return connection

    async def _serve(self, connection: FeedConnection) -> str:
        """Why the connection is over."""
        closed = asyncio.ensure_future(connection.wait_closed())
        renewed = asyncio.ensure_future(self._renewed.wait())
        try:
            while True:
                done, _ = await asyncio.wait(
                    (closed, renewed), timeout=self._rules.look, return_when=asyncio.FIRST_COMPLETED
                )
                if closed in done:
                    return closed.result()
                if renewed in done:
                    return "session_renewed"
                if self._silent():
                    self._user.enter(FeedEvent.SILENCE, "no_data")
                    return "stalled"
        finally:
            await cancellation.end((closed, renewed))

    def _silent(self) -> bool:
        now = self._time()
        if not self._user.expects_data():
            self._stall.pause(now)
        return self._stall.stalled(now)

    async def _refused(self, error: BreezewayError) -> None:
        self._user.enter(FeedEvent.REFUSED, error.code)
        if isinstance(error, Unauthenticated | Forbidden):
            _log.warning("broker_refused_session", feed=self._feed, code=error.code)
            with suppress(BreezewayError):
                await self._sessions.report_refused(self._session.account_id, self._session.version, error.code)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._renewed.wait()

    def _backoff(self, failures: int) -> float:
        most = min(self._rules.backoff_most, self._rules.backoff_first * 2 ** min(failures - 1, 10))
        return random.uniform(most / 2, most)  # noqa: S311 - spreads retries, guards nothing
