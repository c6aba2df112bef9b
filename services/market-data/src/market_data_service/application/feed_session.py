"""One tenure of one feed: from having its lease to giving it up."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import structlog

from breezeway import cancellation
from breezeway.breeze.events import DepthTick, QuoteTick
from breezeway.contracts.broker import BrokerSession
from breezeway.contracts.stream import ChannelKind, FeedMessage, encode
from breezeway.errors import BreezewayError, Forbidden, Rejected, Retryable, Unauthenticated
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import TRADING_KINDS, segment_of
from market_data_service.application.feed_ports import (
    BrokerSessions,
    CandleSink,
    FeedConnection,
    FeedSource,
    GapRefill,
    Instruments,
    InterestReader,
    Lease,
    MarketTime,
    MinuteHistory,
    Outgoing,
    Publisher,
)
from market_data_service.application.room_keeper import RoomKeeper
from market_data_service.application.tick_desk import TickDesk
from market_data_service.domain.feed_state import FeedEvent, FeedState, after
from market_data_service.domain.stall import StallDetector

_log = structlog.get_logger()


class Fenced(Exception):
    """Somebody else owns the feed now, or may: nothing more may be published."""


@dataclass(frozen=True, slots=True)
class FeedRules:
    """Seconds and counts."""

    flush_seconds: float = 0.002
    batch: int = 400
    tend_seconds: float = 0.25
    describe_seconds: float = 1.0
    rooms_seconds: float = 1.0
    leave_after_seconds: float = 5.0
    connect_timeout: float = 15.0
    backoff_first: float = 0.5
    backoff_most: float = 20.0
    refused_seconds: float = 30.0
    """Between two tries with a session that the broker has refused."""
    store_seconds: float = 2.0
    refill_after_seconds: float = 70.0


@dataclass(frozen=True, slots=True)
class FeedParts:
    """Everything a session works with that it does not own."""

    source: FeedSource
    sessions: BrokerSessions
    publisher: Publisher
    interest: InterestReader
    instruments: Instruments
    sink: CandleSink
    history: MinuteHistory
    refill: GapRefill
    calendar: MarketCalendar
    market_time: Callable[[BrokerSession], MarketTime]
    now_ms: Callable[[], int]
    time: Callable[[], float]
    """Monotonic seconds of the event loop."""


class FeedSession:
    """Connects, subscribes, publishes, and describes itself, until cancelled or fenced.

    Raises (from `run`):
        Fenced: the publisher refused us.
    """

    def __init__(self, session: BrokerSession, lease: Lease, parts: FeedParts, rules: FeedRules) -> None:
        self._session = session
        self._lease = lease
        self._parts = parts
        self._rules = rules
        self._desk = TickDesk(lease.fence, parts.calendar)
        self._rooms = RoomKeeper(
            lease.feed,
            self._desk,
            interest=parts.interest,
            instruments=parts.instruments,
            history=parts.history,
            linger=rules.leave_after_seconds,
        )
        self._stall = StallDetector()
        self._market = parts.market_time(session)
        self._connection: FeedConnection | None = None
        self._state = FeedState.CONNECTING
        self._reason: str | None = None
        self._since_ms = parts.now_ms()
        self._connected_ms: int | None = None
        self._woken = asyncio.Event()
        self._renewed = asyncio.Event()
        self._changed = asyncio.Event()
        self._last_gap: dict[str, object] | None = None
        self._gap_from_ms: int | None = None
        self._gap_reason = "takeover"
        self._refill_window: tuple[int, int] | None = None
        self._refill_at = 0.0
        self._rate = (parts.time(), 0)
        self._ticks_per_second = 0.0

    @property
    def state(self) -> FeedState:
        return self._state

    @property
    def version(self) -> int:
        """Of the broker session in use."""
        return self._session.version

    @property
    def wants_anything(self) -> bool:
        return bool(self._rooms.channels)

    def wake(self) -> None:
        """Interest has changed: look at it now."""
        self._woken.set()

    def renew(self, session: BrokerSession) -> None:
        """The account has a new broker session: connect again with it, now."""
        self._session = session
        self._market = self._parts.market_time(session)
        self._renewed.set()

    async def run(self) -> None:
        await self._find_predecessor()
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._flush, self._connect_for_ever, self._follow_interest, self._tend, self._describe):
                    group.create_task(work(), name=f"feed-{work.__name__.strip('_')}")
                group.create_task(self._store(), name="feed-store")
        finally:
            await self._close()

    async def _find_predecessor(self) -> None:
        """Ticks between the last owner's last and our first are a gap, however short."""
        facts = await self._parts.publisher.described(self._lease.feed)
        last = facts.get("last_event_ms", "")
        if last.isdigit():
            self._gap_from_ms = int(last)

    # --- the socket -------------------------------------------------------------------------------------------------

    async def _connect_for_ever(self) -> None:
        failures = 0
        while True:
            cancellation.heed()
            self._renewed.clear()
            try:
                connection = await self._connect()
            except (Unauthenticated, Forbidden, Rejected) as error:
                await self._refused(error)
                await self._pause(self._rules.refused_seconds)
            except (BreezewayError, TimeoutError, OSError) as error:
                failures += 1
                self._enter(FeedEvent.FAILED, getattr(error, "code", type(error).__name__))
                await self._pause(self._backoff(failures))
            else:
                began = self._parts.time()
                why = await self._serve(connection)
                await self._drop_connection()
                self._start_gap(why)
                if why not in ("stalled", "session_renewed"):
                    self._enter(FeedEvent.FAILED, why)
                    # A socket that keeps falling over at once must not be hammered; one that held may come back fast.
                    failures = failures + 1 if self._parts.time() - began < 30 else 1
                    await self._pause(self._backoff(failures))
            self._enter(FeedEvent.RETRY, None)

    async def _connect(self) -> FeedConnection:
        async with asyncio.timeout(self._rules.connect_timeout):
            credentials = await self._parts.sessions.credentials(self._session.account_id)
            connection = await self._parts.source.connect(credentials, self._on_tick)
        self._connection = connection
        self._connected_ms = self._parts.now_ms()
        self._stall.connected(self._parts.time())
        self._rooms.forget()
        self._enter(FeedEvent.CONNECTED, None)
        self._woken.set()
        return connection

    async def _serve(self, connection: FeedConnection) -> str:
        """Why the connection is over."""
        closed = asyncio.ensure_future(connection.wait_closed())
        renewed = asyncio.ensure_future(self._renewed.wait())
        try:
            while True:
                done, _ = await asyncio.wait((closed, renewed), timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                if closed in done:
                    return closed.result()
                if renewed in done:
                    return "session_renewed"
                if self._silent():
                    self._enter(FeedEvent.SILENCE, "no_data")
                    return "stalled"
        finally:
            for task in (closed, renewed):
                task.cancel()
            await asyncio.gather(closed, renewed, return_exceptions=True)

    def _silent(self) -> bool:
        now = self._parts.time()
        if not self._rooms.joined or not self._market_open():
            self._stall.pause(now)
        return self._stall.stalled(now)

    def _market_open(self) -> bool:
        at = self._market.now()
        segments = {segment_of(symbol.partition(":")[0]) for symbol in self._rooms.symbols}
        for segment in segments:
            session = self._parts.calendar.session_at(segment, at)
            if session is not None and session.kind in TRADING_KINDS:
                return True
        return False

    async def _refused(self, error: BreezewayError) -> None:
        self._enter(FeedEvent.REFUSED, error.code)
        if isinstance(error, Unauthenticated | Forbidden):
            _log.warning("broker_refused_session", feed=self._lease.feed, code=error.code)
            with suppress(BreezewayError):
                await self._parts.sessions.report_refused(self._session.account_id, self._session.version, error.code)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._renewed.wait()

    def _backoff(self, failures: int) -> float:
        most = min(self._rules.backoff_most, self._rules.backoff_first * 2 ** min(failures - 1, 10))
        return random.uniform(most / 2, most)  # noqa: S311 - spreads retries, guards nothing

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        self._connected_ms = None
        self._rooms.forget()
        if connection is not None:
            with suppress(BreezewayError, OSError, TimeoutError):
                async with asyncio.timeout(2):
                    await connection.close()

    def _on_tick(self, event: QuoteTick | DepthTick, received_ms: int) -> None:
        before = self._desk.ticks
        self._desk.on_tick(event, received_ms)
        if self._desk.ticks != before:
            self._stall.heard(self._parts.time())
            if self._gap_from_ms is not None:
                self._end_gap()
            if self._state is FeedState.STALLED:
                self._enter(FeedEvent.DATA, None)

    # --- gaps -------------------------------------------------------------------------------------------------------

    def _start_gap(self, reason: str) -> None:
        self._desk.bars.break_off()
        if self._gap_from_ms is None and self._desk.newest_event_ms is not None:
            self._gap_from_ms = self._desk.newest_event_ms
            self._gap_reason = reason

    def _end_gap(self) -> None:
        start, self._gap_from_ms = self._gap_from_ms, None
        if start is None:
            return
        # The broker's event times are whole seconds, so a short gap may begin and end in the same one.
        end = max(start, self._desk.newest_event_ms or 0, int(self._market.now().timestamp() * 1000))
        # The tick that ends the gap waits already; whoever reads it must have read of the gap.
        waiting = self._desk.take_all()
        self._desk.announce_gap(self._rooms.channels_by_symbol(), start, end, self._gap_reason)
        for message in waiting:
            self._desk.post(message)
        self._last_gap = {"from": start, "to": end, "reason": self._gap_reason}
        self._note_refill(start, end)
        _log.warning("feed_gap", feed=self._lease.feed, milliseconds=end - start, reason=self._gap_reason)

    def _note_refill(self, start: int, end: int) -> None:
        # Asked for once a minute at most, as one window: a feed that flaps must not eat the day's quota of calls. By
        # then the bar in which the gap ended is over, and history has it whole.
        if self._refill_window is not None:
            start = min(start, self._refill_window[0])
        self._refill_window = (start, end)
        self._refill_at = self._parts.time() + self._rules.refill_after_seconds

    async def _refill(self) -> None:
        if self._refill_window is None or self._parts.time() < self._refill_at:
            return
        (start, end), self._refill_window = self._refill_window, None
        try:
            await self._parts.refill.request(
                self._session.user_id,
                self._rooms.symbols,
                datetime.fromtimestamp(start // 60_000 * 60, UTC),
                datetime.fromtimestamp((end // 60_000 + 1) * 60, UTC),
            )
        except BreezewayError as error:
            # The bars are lacking until somebody backfills the day.
            _log.warning("gap_not_refilled", feed=self._lease.feed, code=error.code)

    # --- what goes out ----------------------------------------------------------------------------------------------

    async def _flush(self) -> None:
        """Publish what waits, a few milliseconds' worth at a time."""
        while True:
            cancellation.heed()
            await self._desk.wait()
            await asyncio.sleep(self._rules.flush_seconds)
            while batch := self._desk.take(self._rules.batch):
                await self._publish(batch)

    async def _publish(self, batch: Sequence[Outgoing]) -> None:
        if not self._lease.valid:
            raise Fenced("the lease has run out")
        try:
            accepted = await self._parts.publisher.publish(self._lease, batch)
        except Retryable as error:
            dropped = len(batch) + self._desk.drop()
            _log.warning("publishing_failed", feed=self._lease.feed, code=error.code, dropped=dropped)
            self._start_gap("publishing_failed")
            await asyncio.sleep(0.1)
            return
        if not accepted:
            raise Fenced("a newer owner has the feed")

    async def _tend(self) -> None:
        while True:
            cancellation.heed()
            await asyncio.sleep(self._rules.tend_seconds)
            self._desk.bars.tend(int(self._market.now().timestamp() * 1000))

    async def _store(self) -> None:
        while True:
            cancellation.heed()
            await asyncio.sleep(self._rules.store_seconds)
            await self._store_once()
            await self._refill()

    async def _store_once(self) -> None:
        finished = self._desk.bars.take_finished()
        if not finished:
            return
        try:
            await self._parts.sink.store(finished)
        except BreezewayError as error:
            self._desk.bars.give_back(finished)
            _log.warning("bars_not_stored", feed=self._lease.feed, code=error.code)

    async def _follow_interest(self) -> None:
        while True:
            cancellation.heed()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rules.rooms_seconds):
                    await self._woken.wait()
            self._woken.clear()
            try:
                await self._rooms.reconcile(self._connection, self._market, self._parts.time())
            except BreezewayError as error:
                _log.warning("rooms_not_reconciled", feed=self._lease.feed, code=error.code)

    # --- what it says of itself -------------------------------------------------------------------------------------

    def _enter(self, event: FeedEvent, reason: str | None) -> None:
        state = after(self._state, event)
        if state is None or (state is self._state and reason == self._reason):
            return
        self._state, self._reason, self._since_ms = state, reason, self._parts.now_ms()
        _log.info("feed_state", feed=self._lease.feed, state=state.value, reason=reason)
        body = encode(FeedMessage(state.value, reason, self._since_ms))
        self._desk.post(Outgoing(ChannelKind.FEED.value, body))
        self._changed.set()

    async def _describe(self) -> None:
        while True:
            cancellation.heed()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rules.describe_seconds):
                    await self._changed.wait()
            self._changed.clear()
            self._measure()
            try:
                accepted = await self._parts.publisher.describe(self._lease, self.facts())
            except Retryable:
                continue
            if not accepted:
                raise Fenced("a newer owner has the feed")

    def _measure(self) -> None:
        now, (before, ticks) = self._parts.time(), self._rate
        if now - before >= 1:
            self._ticks_per_second = (self._desk.ticks - ticks) / (now - before)
            self._rate = (now, self._desk.ticks)

    def facts(self) -> dict[str, str]:
        """What it says of itself; every value as text."""
        facts: dict[str, object] = {
            "owner": self._lease.holder,
            "state": self._state.value,
            "reason": self._reason,
            "since_ms": self._since_ms,
            "fence": self._lease.fence,
            "environment": self._session.environment.value,
            "connected_ms": self._connected_ms,
            "subscriptions": len(self._rooms.channels),
            "rooms": self._rooms.joined,
            "ticks_per_second": round(self._ticks_per_second, 1),
            "ticks": self._desk.ticks,
            "last_event_ms": self._desk.newest_event_ms or self._gap_from_ms,
            "last_received_ms": self._desk.newest_received_ms,
            "last_gap": orjson.dumps(self._last_gap).decode() if self._last_gap else None,
            "updated_ms": self._parts.now_ms(),
        }
        if self._connection is not None:
            stats = self._connection.stats()
            facts |= {"malformed_frames": stats.malformed, "dropped_frames": stats.dropped}
        return {name: str(value) for name, value in facts.items() if value is not None}

    async def _close(self) -> None:
        """Leave orderly: the socket first, so that a successor's is never the second one."""
        await self._drop_connection()
        self._enter(FeedEvent.STOP, "handed_over")
        if not self._lease.valid:
            return
        with suppress(BreezewayError):
            await self._parts.publisher.publish(self._lease, self._desk.take_all())
            await self._parts.publisher.describe(self._lease, self.facts())
        await self._store_once()
