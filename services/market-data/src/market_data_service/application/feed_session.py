"""One tenure of one feed: from having its lease to giving it up."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import orjson
import structlog

from breezeway import cancellation
from breezeway.breeze.events import DepthTick, OrderUpdate, QuoteTick
from breezeway.contracts.broker import BrokerSession
from breezeway.contracts.stream import ChannelKind, FeedMessage, encode
from breezeway.errors import BreezewayError, Retryable
from breezeway.ids import new_id
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import TRADING_KINDS
from market_data_service.application.feed_gaps import FeedGaps
from market_data_service.application.feed_outages import OutageWatch
from market_data_service.application.feed_ports import (
    BrokerEvent,
    BrokerSessions,
    CandleSink,
    FeedMeter,
    FeedSource,
    GapRefill,
    Instruments,
    InterestReader,
    Lease,
    MarketTime,
    MinuteHistory,
    NoOutages,
    OrderEvents,
    Outages,
    Outgoing,
    Publisher,
)
from market_data_service.application.feed_socket import SocketKeeper, SocketRules
from market_data_service.application.room_keeper import RoomKeeper
from market_data_service.application.tick_desk import TickDesk
from market_data_service.domain.feed_state import FeedEvent, FeedState, after

_MOST_ORDERS = 10_000

_log = structlog.get_logger()


class Fenced(Exception):
    """Somebody else owns the feed now, or may: nothing more may be published."""


@dataclass(frozen=True, slots=True)
class FeedRules:
    """Seconds and counts."""

    flush_seconds: float = 0.002
    batch: int = 2_000
    most_waiting: int = 100_000
    """Messages beyond which everything that waits is given up, as a gap: late ticks help nobody, and memory ends."""
    tend_seconds: float = 0.25
    describe_seconds: float = 1.0
    rooms_seconds: float = 1.0
    leave_after_seconds: float = 5.0
    bar_rooms: int = 40
    """Instruments whose own bars of a second or a minute are asked of the broker; beyond this many it drops some."""
    store_seconds: float = 2.0
    orders_seconds: float = 0.5
    """Between two tries to hand on an order event."""
    refill_after_seconds: float = 70.0
    socket: SocketRules = field(default_factory=SocketRules)


@dataclass(frozen=True, slots=True)
class FeedParts:
    """Everything a session works with that it does not own."""

    source: FeedSource
    sessions: BrokerSessions
    publisher: Publisher
    orders: OrderEvents
    interest: InterestReader
    instruments: Instruments
    sink: CandleSink
    history: MinuteHistory
    refill: GapRefill
    calendar: MarketCalendar
    meter: FeedMeter
    market_time: Callable[[BrokerSession], MarketTime]
    now_ms: Callable[[], int]
    time: Callable[[], float]
    """Monotonic seconds of the event loop."""
    outages: Outages = field(default_factory=NoOutages)


class FeedSession:
    """Follows interest, publishes what the socket brings, and describes itself, until cancelled or fenced.

    The socket is the `SocketKeeper`'s business, what may have been missed that of `FeedGaps`.

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
            bar_rooms=rules.bar_rooms,
        )
        self._socket = SocketKeeper(
            lease.feed,
            session,
            self,
            self._on_event,
            source=parts.source,
            sessions=parts.sessions,
            rules=rules.socket,
            time=parts.time,
        )
        self._market = parts.market_time(session)
        self._gaps = FeedGaps(
            lease.feed,
            self._desk,
            self._rooms,
            refill=parts.refill,
            refill_after=rules.refill_after_seconds,
            meter=parts.meter,
            exchange_now_ms=self._exchange_now_ms,
            time=parts.time,
        )
        self._state = FeedState.CONNECTING
        self._reason: str | None = None
        self._since_ms = parts.now_ms()
        self._connected_ms: int | None = None
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._orders: deque[tuple[UUID, OrderUpdate]] = deque(maxlen=_MOST_ORDERS)
        self._ordered = asyncio.Event()
        self._rate = (parts.time(), 0)
        self._outages = OutageWatch(parts.outages, parts.now_ms())
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
        self._socket.renew(session)

    async def run(self) -> None:
        facts = await self._parts.publisher.described(self._lease.feed)
        last = facts.get("last_event_ms", "")
        if last.isdigit():
            self._gaps.inherit(int(last))
        try:
            async with asyncio.TaskGroup() as group:
                for name, work in {
                    "flush": self._flush,
                    "socket": self._socket.run,
                    "interest": self._follow_interest,
                    "tend": self._tend,
                    "describe": self._describe,
                    "orders": self._carry_orders,
                    "store": self._store,
                }.items():
                    group.create_task(work(), name=f"feed-{name}")
        finally:
            await self._close()

    # --- what the socket says (SocketUser) --------------------------------------------------------------------------

    def enter(self, event: FeedEvent, reason: str | None) -> None:
        state = after(self._state, event)
        if state is None or (state is self._state and reason == self._reason):
            return
        self._state, self._reason, self._since_ms = state, reason, self._parts.now_ms()
        _log.info("feed_state", feed=self._lease.feed, state=state.value, reason=reason)
        body = encode(FeedMessage(state.value, reason, self._since_ms))
        self._desk.post(Outgoing(ChannelKind.FEED.value, body))
        self._changed.set()

    def connected(self) -> None:
        self._connected_ms = self._parts.now_ms()
        self._rooms.forget()
        self._woken.set()

    def lost(self, why: str) -> None:
        self._connected_ms = None
        self._rooms.forget()
        self._gaps.start(why)

    def expects_data(self) -> bool:
        if not self._rooms.joined:
            return False
        at = self._market.now()
        segments = {self._parts.calendar.segment_of_symbol(symbol) for symbol in self._rooms.symbols}
        for segment in segments:
            session = self._parts.calendar.session_at(segment, at)
            if session is not None and session.kind in TRADING_KINDS:
                return True
        return False

    def _on_event(self, event: BrokerEvent, received_ms: int) -> None:
        if isinstance(event, QuoteTick | DepthTick):
            self._on_tick(event, received_ms)
        elif isinstance(event, OrderUpdate):
            # The broker's events have no number of their own; ours makes the second try the same message.
            self._orders.append((new_id(), event))
            self._ordered.set()
        else:
            self._rooms.on_bar(event)

    def _on_tick(self, event: QuoteTick | DepthTick, received_ms: int) -> None:
        before = self._desk.ticks
        self._desk.on_tick(event, received_ms)
        if self._desk.ticks != before:
            self._socket.heard()
            if self._gaps.since_ms is not None:
                self._gaps.end()
            if self._state is FeedState.STALLED:
                self.enter(FeedEvent.DATA, None)

    # --- what goes out ----------------------------------------------------------------------------------------------

    async def _flush(self) -> None:
        """Publish what waits, a few milliseconds' worth at a time."""
        while True:
            cancellation.heed()
            await self._desk.wait()
            await asyncio.sleep(self._rules.flush_seconds)
            if self._desk.waiting > self._rules.most_waiting:
                _log.error("feed_overloaded", feed=self._lease.feed, dropped=self._desk.drop())
                self._gaps.start("overloaded")
            while batch := self._desk.take(self._rules.batch):
                await self._publish(batch)

    async def _publish(self, batch: Sequence[Outgoing]) -> None:
        if not self._lease.valid:
            raise Fenced("the lease has run out")
        received_ms, event_ms = self._desk.newest_received_ms, self._desk.newest_event_ms
        try:
            accepted = await self._parts.publisher.publish(self._lease, batch)
        except Retryable as error:
            dropped = len(batch) + self._desk.drop()
            _log.warning("publishing_failed", feed=self._lease.feed, code=error.code, dropped=dropped)
            self._gaps.start("publishing_failed")
            await asyncio.sleep(0.1)
            return
        if not accepted:
            raise Fenced("a newer owner has the feed")
        if received_ms is not None:
            self._parts.meter.published((self._parts.now_ms() - received_ms) / 1000)
        if event_ms is not None:
            self._parts.meter.tick_age((self._exchange_now_ms() - event_ms) / 1000)

    async def _tend(self) -> None:
        while True:
            cancellation.heed()
            await asyncio.sleep(self._rules.tend_seconds)
            self._desk.bars.tend(self._exchange_now_ms())

    async def _store(self) -> None:
        while True:
            cancellation.heed()
            await asyncio.sleep(self._rules.store_seconds)
            await self._store_once()
            await self._gaps.refill(self._session.user_id, self._rooms.symbols)

    async def _store_once(self) -> None:
        finished = self._desk.bars.take_finished()
        if not finished:
            return
        try:
            await self._parts.sink.store(finished)
        except BreezewayError as error:
            self._desk.bars.give_back(finished)
            _log.warning("bars_not_stored", feed=self._lease.feed, code=error.code)

    async def _carry_orders(self) -> None:
        """Order events one after the other into the user's durable channel; what cannot be handed on is kept."""
        while True:
            cancellation.heed()
            await self._ordered.wait()
            self._ordered.clear()
            while self._orders:
                cancellation.heed()
                if not self._lease.valid:
                    raise Fenced("the lease has run out")
                name, order = self._orders[0]
                try:
                    await self._parts.orders.append(self._session.user_id, order, name)
                except Retryable as error:
                    _log.warning("order_event_waits", feed=self._lease.feed, code=error.code)
                    await asyncio.sleep(self._rules.orders_seconds)
                else:
                    self._orders.popleft()

    async def _follow_interest(self) -> None:
        while True:
            cancellation.heed()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._rules.rooms_seconds):
                    await self._woken.wait()
            self._woken.clear()
            try:
                await self._rooms.reconcile(self._socket.connection, self._market, self._parts.time())
            except BreezewayError as error:
                _log.warning("rooms_not_reconciled", feed=self._lease.feed, code=error.code)

    # --- what it says of itself -------------------------------------------------------------------------------------

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
            await self._outages.look(self._session, self._state, self._reason, self._parts.now_ms())

    def _measure(self) -> None:
        now, (before, ticks) = self._parts.time(), self._rate
        if now - before >= 1:
            self._ticks_per_second = (self._desk.ticks - ticks) / (now - before)
            self._rate = (now, self._desk.ticks)

    def _exchange_now_ms(self) -> int:
        return int(self._market.now().timestamp() * 1000)

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
            "last_event_ms": self._desk.newest_event_ms or self._gaps.since_ms,
            "last_received_ms": self._desk.newest_received_ms,
            "last_gap": orjson.dumps(self._gaps.last).decode() if self._gaps.last else None,
            "updated_ms": self._parts.now_ms(),
        }
        connection = self._socket.connection
        if connection is not None:
            stats = connection.stats()
            facts |= {"malformed_frames": stats.malformed, "dropped_frames": stats.dropped, "sockets": stats.sockets}
        return {name: str(value) for name, value in facts.items() if value is not None}

    async def _close(self) -> None:
        """Leave orderly: the socket first, so that a successor's is never the second one."""
        await self._socket.close()
        self._connected_ms = None
        self.enter(FeedEvent.STOP, "handed_over")
        if not self._lease.valid:
            return
        with suppress(BreezewayError):
            await self._parts.publisher.publish(self._lease, self._desk.take_all())
            await self._parts.publisher.describe(self._lease, self.facts())
        await self._store_once()
