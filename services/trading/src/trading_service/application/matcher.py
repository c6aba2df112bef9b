"""The matching worker: commands from the database and ticks from the feeds, through the engine, into the ledger.

One at a time in the whole deployment: it takes a fencing token when it begins, and every transaction of fills checks
that no newer one exists. It keeps nothing that it cannot rebuild: start and recovery are the same, and whatever was
decided but not committed when it dies has not happened.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
import structlog

from breezeway.clock import IST, ClockMapping
from breezeway.errors import Conflict
from breezeway.exchange.breakers import BreakerTable
from breezeway.exchange.market import MarketTick
from breezeway.exchange.matching import Events, InstrumentBook
from breezeway.exchange.matching_settings import MatchingSettings
from breezeway.exchange.orders import TERMINAL, Amendment, EventKind, OrderEvent, OrderState
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from trading_service.application.halting import MarketHalts
from trading_service.application.ports import Command, Feeds, StoredOrder, WorkFactory
from trading_service.application.recording import Decision, Recorder
from trading_service.domain.feed_messages import depth_of, tick_of
from trading_service.domain.groups import EXITS
from trading_service.domain.instruments import Contract

Key = tuple[str, str]
"""Feed and symbol."""

_BATCH: Final = 50
_COMMANDS: Final = 200
_SET_BACK: Final = timedelta(seconds=5)
"""By how much less the exchange's clock must show to have been set back, and not to be read by another machine."""
NO_FEED: Final = ""
"""Where orders wait whose user has no market data."""

_log = structlog.get_logger()


class MarketListener(Protocol):
    """Market data of the channels that are wanted."""

    async def want(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """Listen to these symbols of each feed, and to no others."""
        ...

    async def mapping(self) -> ClockMapping:
        """How wall time maps to exchange time at present."""
        ...

    def now(self, mapping: ClockMapping) -> datetime: ...

    async def latest(self, feed: str, symbol: str) -> list[bytes]:
        """The newest depth and tick that are known, to begin a book with."""
        ...


@dataclass(slots=True)
class _Place:
    """Where an order works."""

    key: Key
    user_id: UUID
    pair: UUID | None = None
    """The group of which one exit takes off the other what it fills."""


@dataclass(slots=True)
class _State:
    """All that the matcher remembers; thrown away when anything goes wrong."""

    fence: int
    clock: ClockMapping
    halts: MarketHalts
    now: datetime
    """The latest exchange time that it has seen."""
    books: dict[Key, InstrumentBook] = field(default_factory=dict)
    places: dict[str, _Place] = field(default_factory=dict)
    decided: list[Decision] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    """Commands whose decision waits to be committed."""


class Matcher:
    """Owned by one task; `on_message` is called on the same loop.

    Args:
        on_commit: called when decisions, and the messages about them, are committed.
        seen: is kept at the last price and its time of every symbol that ticks, for those who share it.
    """

    def __init__(
        self,
        work: WorkFactory,
        recorder: Recorder,
        listener: MarketListener,
        feeds: Feeds,
        calendar: MarketCalendar,
        seen: dict[str, tuple[Decimal, datetime]],
        *,
        seed: int = 0,
        settings: MatchingSettings | None = None,
        breakers: BreakerTable | None = None,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._work = work
        self._recorder = recorder
        self._listener = listener
        self._feeds = feeds
        self._calendar = calendar
        self._seen = seen
        self._seed = seed
        self._settings = settings or MatchingSettings()
        self._breakers = breakers or BreakerTable.default()
        self._on_commit = on_commit
        self.also_watched: set[tuple[UUID, str]] = set()
        """Symbols that triggers wait for, with the user whose feed has them."""
        self._state: _State | None = None
        self._wake = asyncio.Event()

    @property
    def running(self) -> bool:
        return self._state is not None

    async def begin(self) -> None:
        """Take over: everything that works is rebuilt from the database."""
        clock = await self._listener.mapping()
        now = self._listener.now(clock)
        async with self._work() as work:
            fence = await work.take_fence()
            # What is still to come was heard of when the day was replayed before.
            await work.forget_halts(now + _SET_BACK)
            await work.commit()
        async with self._work() as work:
            working = [
                order for order in await work.working_orders() if order.state is not OrderState.NEW and not order.live
            ]
            contracts = await work.contracts({order.order.symbol for order in working})
            halts = await work.halts(now.astimezone(IST).date())
        state = self._state = _State(fence, clock, MarketHalts(self._breakers, self._calendar, halts), now)
        for stored in working:
            book = await self._book_of(state, stored, contracts[stored.order.symbol])
            events = book.readmit(
                stored.order, now, filled=stored.filled, fills=stored.fills, triggered=stored.triggered
            )
            self._decide(state, Decision(events))
        self._halt_again(state, working, now)
        await self.watch()
        _log.info("matcher_began", fence=fence, orders=len(working))

    def forget(self) -> None:
        """Drop everything; `begin` builds it again."""
        self._state = None

    def ring(self) -> None:
        """Look for commands and decisions now."""
        self._wake.set()

    async def wait(self, seconds: float) -> None:
        """Return when there is something to do, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def step(self) -> None:
        """Take the commands that wait and commit what was decided.

        Raises:
            ClockSetBack: the exchange's clock shows an earlier time than it did; begin again.
            Superseded: another matcher has taken over.
            Retryable: the database does not answer; begin again.
        """
        state = self._present()
        state.clock = await self._listener.mapping()
        now = self._listener.now(state.clock)
        if state.now - now > _SET_BACK:
            raise ClockSetBack
        state.now = max(state.now, now)
        async with self._work() as work:
            commands = [c for c in await work.commands(_COMMANDS) if c.seq not in state.taken]
            orders = await work.orders_of({c.order_id for c in commands}) if commands else {}
            symbols = {order.order.symbol for order in orders.values()}
            contracts = await work.contracts(symbols) if symbols else {}
        before = set(state.books)
        for command in commands:
            stored = orders[command.order_id]
            events = await self._obey(state, command, stored, contracts[stored.order.symbol])
            state.taken.add(command.seq)
            self._decide(state, Decision(events, command.seq, command.body))
        await self.flush()
        if state.books.keys() - before:
            await self.watch()

    async def flush(self) -> None:
        """Commit what was decided, in its order."""
        state = self._present()
        while state.decided:
            batch = state.decided[:_BATCH]
            try:
                await self._recorder.record(state.fence, batch)
            except Conflict:
                await self._record_singly(state, batch)
            self._on_commit()
            del state.decided[: len(batch)]
            state.taken.difference_update(each.command for each in batch if each.command is not None)
            for decision in batch:
                for event in decision.events:
                    self._forget_ended(state, event)

    async def _record_singly(self, state: _State, batch: Sequence[Decision]) -> None:
        """Write what can be written. What contradicts the database is for a person to look at; to try it again and
        again would keep every other order waiting."""
        for decision in batch:
            try:
                await self._recorder.record(state.fence, [decision])
            except Conflict as error:
                orders = sorted({event.order_id for event in decision.events})
                _log.error("decision_refused", code=error.code, detail=error.detail, orders=orders)
                if decision.command is not None:
                    await self._recorder.record(state.fence, [Decision((), decision.command)])

    async def advance(self) -> None:
        """Let time pass: orders expire and phases change without a tick."""
        state = self._present()
        now = self._listener.now(state.clock)
        for book in state.books.values():
            self._decide(state, Decision(book.advance(now)))
        await self.flush()

    async def watch(self) -> None:
        """Listen to what working orders and open positions need; orders whose user's feed has changed move along."""
        state = self._present()
        async with self._work() as work:
            held = await work.open_positions()
            owners = {account.id: account.user_id for account in await work.open_accounts()}
            contracts = await work.contracts({each.symbol for each in held})
        wanted: dict[str, set[str]] = {}
        for feed, symbol in state.books:
            wanted.setdefault(feed, set()).add(symbol)
        for each in held:
            user_id = owners.get(each.account_id)
            source = await self._feeds.feed_of(user_id) if user_id is not None else None
            if source is not None:
                names = {each.symbol, contracts[each.symbol].underlying} - {""}
                wanted.setdefault(source, set()).update(names)
        await self._move(state)
        for user_id, symbol in self.also_watched:
            if (source := await self._feeds.feed_of(user_id)) is not None:
                wanted.setdefault(source, set()).add(symbol)
        wanted.pop(NO_FEED, None)
        for symbols in wanted.values():
            symbols |= self._breakers.indices
        await self._listener.want({feed: frozenset(symbols) for feed, symbols in wanted.items()})

    def on_message(self, feed: str, body: bytes) -> None:
        """One message of a feed's tick or depth channel."""
        state = self._state
        if state is None:
            return
        message: dict[str, Any] = orjson.loads(body)
        kind = message.get("type")
        book = state.books.get((feed, str(message.get("symbol"))))
        if kind == "tick":
            tick = tick_of(message, state.clock)
            if tick is None:
                return
            self._seen[message["symbol"]] = (tick.ltp, tick.at)
            if message["symbol"] in self._breakers.indices:
                self._on_index(state, feed, message, tick)
            if book is not None:
                self.on_tick(book, tick)
        elif book is not None and kind == "depth":
            self._decide(state, Decision(book.on_depth(depth_of(message, state.clock))))
        elif book is not None and kind == "gap":
            book.feed_lost()

    def _on_index(self, state: _State, feed: str, message: Mapping[str, Any], tick: MarketTick) -> None:
        halt = state.halts.on_index(feed, message, tick)
        if halt is None:
            return
        # First, so that whoever takes over in the middle of the cancellations goes on with them.
        self._decide(state, Decision((), halt=(feed, halt)))
        for (source, _), book in state.books.items():
            if source == feed and book.rules.segment in self._breakers.segments:
                self._decide(state, Decision(book.halt(halt)))

    def _halt_again(self, state: _State, working: Sequence[StoredOrder], now: datetime) -> None:
        """Cancel what came before a halt that is on, in books that were built anew."""
        for (feed, _), book in state.books.items():
            if (halt := state.halts.of(feed, book.rules.segment, now)) is not None:
                late = {str(each.id) for each in working if each.placed_at >= halt.entry}
                self._decide(state, Decision(book.halt(halt, keep=late)))

    async def halted(self, user_id: UUID, segment: Segment, now: datetime) -> bool:
        """Whether a segment of the market that a user sees is halted."""
        feed = await self._feeds.feed_of(user_id) or NO_FEED
        return self._state is not None and self._state.halts.of(feed, segment, now) is not None

    def on_tick(self, book: InstrumentBook, tick: MarketTick) -> None:
        """Match one tick."""
        if events := book.on_tick(tick):
            self._decide(self._present(), Decision(events))

    def on_gap(self) -> None:
        """Messages were missed: nothing fills until the next tick of each instrument."""
        if self._state is not None:
            for book in self._state.books.values():
                book.feed_lost()

    def _present(self) -> _State:
        if self._state is None:
            raise RuntimeError("the matcher has not begun")
        return self._state

    def _decide(self, state: _State, decision: Decision) -> None:
        if decision.events or decision.command is not None or decision.halt is not None:
            state.decided.append(decision)
            self._wake.set()
        for event in decision.events:
            if event.fill is not None:
                self._take_off(state, event.order_id, event.fill.quantity, event.at)

    def _take_off(self, state: _State, order_id: str, quantity: int, at: datetime) -> None:
        """Make the other exit smaller by what one has filled, before another tick can reach it."""
        place = state.places.get(order_id)
        if place is None or place.pair is None:
            return
        for other_id, other in state.places.items():
            if other_id == order_id or other.pair != place.pair:
                continue
            book = state.books.get(other.key)
            order = next((each for each in book.working if each.order_id == other_id), None) if book else None
            if book is None or order is None:
                continue
            left = order.quantity - quantity
            text = "The other exit of its group has closed the position."
            if left <= 0 or book.remaining(other_id) <= quantity:
                events = book.cancel(other_id, at, code="oco", text=text)
            else:
                events = book.modify(other_id, Amendment(quantity=left), at)
            state.decided.append(Decision(events))

    async def _obey(self, state: _State, command: Command, stored: StoredOrder, contract: Contract) -> Events:
        now = self._listener.now(state.clock)
        order_id = str(stored.id)
        place = state.places.get(order_id)
        if command.kind == "place":
            if stored.state is not OrderState.NEW or place is not None:
                return ()
            book = await self._book_of(state, stored, contract)
            return book.accept(stored.order, now)
        if place is None:
            return _too_late(command, stored, now)
        book = state.books[place.key]
        if command.kind == "cancel":
            return book.cancel(order_id, now, code=command.body["code"], text=command.body["text"])
        return book.modify(order_id, _amendment(command.body), now)

    async def _book_of(self, state: _State, stored: StoredOrder, contract: Contract) -> InstrumentBook:
        feed = await self._feeds.feed_of(stored.user_id) or NO_FEED
        key = (feed, contract.symbol)
        book = state.books.get(key)
        if book is None:
            book = InstrumentBook(contract.rules, self._calendar, seed=self._seed, settings=self._settings)
            state.books[key] = book
            now = self._listener.now(state.clock)
            if (halt := state.halts.of(feed, contract.rules.segment, now)) is not None:
                book.halt(halt)
            if feed != NO_FEED:
                for body in await self._listener.latest(*key):
                    self.on_message(feed, body)
        pair = stored.group_id if stored.group_role in EXITS else None
        state.places[str(stored.id)] = _Place(key, stored.user_id, pair)
        return book

    async def _move(self, state: _State) -> None:
        """Begin again when a user's market data comes from elsewhere than it did."""
        users = {place.user_id for place in state.places.values()}
        feeds = {user_id: await self._feeds.feed_of(user_id) or NO_FEED for user_id in users}
        if any(feeds[place.user_id] != place.key[0] for place in state.places.values()):
            raise FeedChanged

    def _forget_ended(self, state: _State, event: OrderEvent) -> None:
        place = state.places.get(event.order_id)
        if place is None:
            return
        book = state.books.get(place.key)
        if book is None:
            del state.places[event.order_id]
        elif event.kind in _ENDS and not book.remaining(event.order_id):
            del state.places[event.order_id]
            if not book.working:
                del state.books[place.key]


class FeedChanged(Exception):
    """Orders have to move to another feed: the matcher begins again."""


class ClockSetBack(Exception):
    """A day is replayed again: books and halts know of a time that has not come, and the matcher begins again."""


_ENDS: Final = frozenset({EventKind.FILL, EventKind.CANCEL, EventKind.EXPIRE, EventKind.REJECT, EventKind.MODIFY})


def _too_late(command: Command, stored: StoredOrder, now: datetime) -> Events:
    """The answer to a request about an order that works no longer."""
    if stored.state is OrderState.NEW:
        return (OrderEvent(str(stored.id), EventKind.CANCEL, now, "cancelled", "Cancelled before it was sent."),)
    if stored.state not in TERMINAL or stored.state is OrderState.REJECTED:
        return ()
    kind = EventKind.CANCEL_REJECT if command.kind == "cancel" else EventKind.MODIFY_REJECT
    return (OrderEvent(str(stored.id), kind, now, "order_not_working", "The order works no longer."),)


def _amendment(body: Mapping[str, Any]) -> Amendment:
    price, trigger = body["price"], body["trigger_price"]
    return Amendment(
        quantity=body["quantity"],
        price=None if price is None else Decimal(price),
        trigger_price=None if trigger is None else Decimal(trigger),
    )
