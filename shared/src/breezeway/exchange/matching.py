"""The matching engine: the working orders of one instrument against its market, by event time.

Pure and deterministic: the same calls with the same seed give the same events, byte for byte, and a snapshot taken
anywhere goes on as if nothing had happened. Here orders come, change and end, and the market moves; `_filling` says
what fills at which price, and `_market` when it may.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Final, Self

from breezeway.errors import Conflict, InvalidInput, NotFound
from breezeway.exchange._filling import Filling
from breezeway.exchange._market import MarketView
from breezeway.exchange._prints import print_of
from breezeway.exchange._reasons import refused
from breezeway.exchange._resting import Resting
from breezeway.exchange._working import BookState, Working, end_of_life
from breezeway.exchange.breakers import Halt
from breezeway.exchange.explanations import Explanation
from breezeway.exchange.market import Depth, InstrumentRules, MarketTick
from breezeway.exchange.matching_settings import MatchingSettings
from breezeway.exchange.orders import Amendment, EventKind, Order, OrderEvent, Validity
from breezeway.market_calendar.calendar import MarketCalendar

Events = tuple[OrderEvent, ...]

_NOTHING: Final[Events] = ()
_DEFAULTS: Final = MatchingSettings()


class InstrumentBook:
    """Owned by one task. Times given must be exchange time and aware; they may not run backwards by phases."""

    def __init__(
        self,
        rules: InstrumentRules,
        calendar: MarketCalendar,
        *,
        seed: int = 0,
        settings: MatchingSettings = _DEFAULTS,
    ) -> None:
        self.rules = rules
        self._calendar = calendar
        self._settings = settings
        self._own = Resting()
        self._sequence = 0
        self._market = MarketView(rules, calendar, settings.stale_after)
        self._engine = Filling(self._own, self._market, calendar, seed, settings)

    @property
    def working(self) -> tuple[Order, ...]:
        """Orders that may still fill, in the order in which they were accepted."""
        return tuple(work.order for work in self._own.orders.values())

    def remaining(self, order_id: str) -> int:
        """What of the order may still fill here; 0 when it works no longer."""
        work = self._own.orders.get(order_id)
        return 0 if work is None else work.remaining

    def accept(self, order: Order, at: datetime) -> Events:
        """Take an order that passed the checks, and match it as far as the market allows.

        Raises:
            Conflict: `duplicate_order`.
            InvalidInput: `wrong_instrument`.
        """
        if order.order_id in self._own.orders:
            raise Conflict(f"The order {order.order_id} is in the book.", code="duplicate_order")
        if order.symbol != self.rules.symbol:
            raise InvalidInput(f"This book is of {self.rules.symbol}, not {order.symbol}.", code="wrong_instrument")
        out: list[OrderEvent] = []
        self._pass(at, out)
        life = end_of_life(order, order.is_stop, at, self.rules, self._calendar)
        if life is None:
            out.append(OrderEvent(order.order_id, EventKind.REJECT, at, "market_closed", "The day's trading is over."))
            return tuple(out)
        if (refusal := self._refused_in_halt(order, at)) is not None:
            out.append(refusal)
            return tuple(out)
        if self._market.outside(order.price) or self._market.outside(order.trigger_price):
            text = f"The price is outside today's limits, {self._market.lower} to {self._market.upper}."
            out.append(OrderEvent(order.order_id, EventKind.REJECT, at, "price_band", text))
            return tuple(out)
        self._sequence += 1
        work = Working(order, order.is_buy, order.price, order.quantity, self._sequence, at, *life, armed=order.is_stop)
        self._own.orders[order.order_id] = work
        kind = EventKind.ACCEPT_STOP if order.is_stop else EventKind.ACCEPT
        out.append(OrderEvent(order.order_id, kind, at, "accepted", "The exchange accepted the order."))
        self._engine.place(work, at, out)
        return tuple(out)

    def readmit(self, order: Order, at: datetime, *, filled: int, fills: int, triggered: bool) -> Events:
        """Take back an order that was working before a restart, behind everything that is displayed at its price.

        Its acceptance was told already; only the end of a day that passed meanwhile gives an event.

        Args:
            filled: units; `fills`: in how many parts, so that the names of later fills go on from there.
            triggered: whether its stop has triggered.
        """
        out: list[OrderEvent] = []
        self._pass(at, out)
        armed = order.is_stop and not triggered
        life = end_of_life(order, armed, at, self.rules, self._calendar)
        if life is None:
            out.append(OrderEvent(order.order_id, EventKind.EXPIRE, at, "day_over", "The day's trading is over."))
            return tuple(out)
        self._sequence += 1
        left = order.quantity - filled
        work = Working(order, order.is_buy, order.price, left, self._sequence, at, *life, armed=armed, fills=fills)
        self._own.orders[order.order_id] = work
        self._own.rest(work)
        return tuple(out)

    def modify(self, order_id: str, change: Amendment, at: datetime) -> Events:
        """Change a working order. It keeps its place in the queue only if nothing but a smaller quantity is asked for.

        Whatever the exchange would refuse gives a `modify_reject` event.

        Raises:
            InvalidInput: `invalid_order`, for terms that make no order.
        """
        out: list[OrderEvent] = []
        self._pass(at, out)
        work = self._own.orders.get(order_id)
        if work is None:
            return (*out, refused(order_id, at, "order_not_working", "The order works no longer."))
        order = change.applied_to(work.order)
        filled = work.order.quantity - work.remaining
        if order.quantity < filled or (order.quantity == filled and filled):
            return (*out, refused(order_id, at, "quantity_filled", f"{filled} are filled already."))
        if self._market.outside(order.price) or self._market.outside(order.trigger_price):
            return (*out, refused(order_id, at, "price_band", "The price is outside today's limits."))
        if not work.armed and order.trigger_price != work.order.trigger_price:
            return (*out, refused(order_id, at, "already_triggered", "The stop has triggered already."))
        moved = order.price != work.order.price or order.trigger_price != work.order.trigger_price
        self._own.lift(work)
        keeps = not moved and order.quantity <= work.order.quantity
        work.order, work.remaining = order, order.quantity - filled
        if order.price is not None:
            work.price = order.price
        out.append(OrderEvent(order_id, EventKind.MODIFY, at, "modified", "The order was changed.", order=order))
        if keeps:
            self._own.rest(work)
        else:
            self._sequence += 1
            work.seq, work.since, work.passive, work.ahead = self._sequence, at, False, None
            self._engine.place(work, at, out)
        return tuple(out)

    def cancel(self, order_id: str, at: datetime, *, code: str = "cancelled", text: str = "Cancelled.") -> Events:
        """Take an order out of the book; one that works no longer gives a `cancel_reject` event."""
        out: list[OrderEvent] = []
        self._pass(at, out)
        work = self._own.orders.get(order_id)
        if work is None:
            text = "The order works no longer."
            return (*out, OrderEvent(order_id, EventKind.CANCEL_REJECT, at, "order_not_working", text))
        self._engine.end(work, EventKind.CANCEL, at, code, text, out)
        return tuple(out)

    def on_tick(self, tick: MarketTick) -> Events:
        """Match against a tick. One older than what was seen is left out: the market has moved on from it."""
        at = tick.at
        if at < self._market.seen_at:
            return _NOTHING
        out: list[OrderEvent] = []
        if at >= self._market.phase_until:
            self._pass(at, out)
        before, lost = self._market.tick, self._market.lost
        self._market.tick, self._market.seen_at, self._market.lost = tick, at, False
        if tick.lower_band != self._market.lower or tick.upper_band != self._market.upper:
            self._rebound(tick, at, out)
        if not self._market.matching or self._market.halted:
            return tuple(out)
        low, high = self._own.low, self._own.high
        bid, ask = tick.bid, tick.ask
        if (
            not self._market.opening
            and bid is not None
            and ask is not None
            and low < tick.ltp < high
            and low < bid < high
            and low < ask < high
            and tick.bid_quantity
            and tick.ask_quantity
            and not self._engine.consumed
        ):
            # Nothing of ours is at the touch or beyond it, so neither this print nor this touch can concern us.
            return tuple(out) if out else _NOTHING
        self._market.look()
        silence = self._settings.stale_after
        self._engine.match(print_of(tick, before, silence=silence, lost=lost), tick, out)
        return tuple(out)

    def on_depth(self, depth: Depth) -> Events:
        """Match against a new book. An older one than was seen is left out."""
        if depth.at < self._market.seen_at:
            return _NOTHING
        out: list[OrderEvent] = []
        if depth.at >= self._market.phase_until:
            self._pass(depth.at, out)
        self._market.depth, self._market.seen_at = depth, depth.at
        self._market.book = depth.book
        # Without a trade since the pause there is no price to protect from, so the opening waits for the first tick.
        if (
            self._market.matching
            and not self._market.halted
            and not self._market.opening
            and not self._market.lost
            and self._market.tick is not None
        ):
            self._engine.match(None, self._market.tick, out)
        return tuple(out)

    def advance(self, at: datetime) -> Events:
        """Let time pass without a tick: orders expire, phases change."""
        out: list[OrderEvent] = []
        self._pass(at, out)
        return tuple(out)

    def feed_lost(self) -> None:
        """Fill nothing until a tick comes; what was traded meanwhile counts for nobody's queue."""
        self._market.lost = True

    def halt(self, halt: Halt, *, keep: Collection[str] = ()) -> Events:
        """A market-wide halt: every order is cancelled, and nothing matches before it is over; then the next tick is an
        opening.

        Args:
            keep: orders that came for that opening, of a book that is built while the halt is on.
        """
        out: list[OrderEvent] = []
        self._pass(halt.began, out)
        self._market.stop(halt)
        for work in list(self._own.orders.values()):
            if work.order.order_id not in keep:
                self._engine.end(work, EventKind.CANCEL, halt.began, "market_halt", halt.text, out)
        return tuple(out)

    def explain(self, order_id: str, at: datetime) -> Explanation:
        """Why a working order has not filled by `at`.

        Raises:
            NotFound: `order_not_working`.
        """
        work = self._own.orders.get(order_id)
        if work is None:
            raise NotFound(f"The order {order_id} is not in the book.", code="order_not_working")
        self._market.look()
        return self._engine.explanation(work, at, *self._engine.why(work, at))

    def snapshot(self) -> BookState:
        """The book's whole memory, to go on from after a restart."""
        return BookState(
            symbol=self.rules.symbol,
            seed=self._engine.seed,
            sequence=self._sequence,
            rules=replace(self.rules, lower_band=self._market.lower, upper_band=self._market.upper),
            tick=self._market.tick,
            depth=self._market.depth,
            market_at=self._market.seen_at,
            phase_until=self._market.phase_until,
            matching=self._market.matching,
            auction=self._market.auction,
            opening=self._market.opening,
            halt=self._market.halt,
            lost=self._market.lost,
            consumed=tuple(self._engine.consumed.items()),
            working=tuple(work.frozen() for work in self._own.orders.values()),
        )

    @classmethod
    def restore(cls, state: BookState, calendar: MarketCalendar, *, settings: MatchingSettings = _DEFAULTS) -> Self:
        """A book that goes on exactly where `state` was taken."""
        book = cls(state.rules, calendar, seed=state.seed, settings=settings)
        book._sequence, market = state.sequence, book._market
        market.tick, market.depth = state.tick, state.depth
        market.seen_at, market.phase_until = state.market_at, state.phase_until
        market.matching, market.auction, market.opening = state.matching, state.auction, state.opening
        market.lost = state.lost
        market.stop(state.halt)
        book._engine.consumed = dict(state.consumed)
        for image in state.working:
            work = image.thawed()
            book._own.orders[work.order.order_id] = work
            book._own.rest(work)
        book._market.look()
        return book

    def _pass(self, at: datetime, out: list[OrderEvent]) -> None:
        market = self._market
        market.look()
        if at < market.phase_until:
            return
        for work in sorted(self._own.orders.values(), key=lambda work: (work.ends_at, work.seq)):
            if work.ends_at > at:
                break
            if work.ends_by is EventKind.EXPIRE:
                self._engine.end(work, EventKind.EXPIRE, work.ends_at, "day_over", "The day's trading is over.", out)
            else:
                text = "The closing auction takes no stop and no disclosed-quantity orders."
                self._engine.end(work, EventKind.CANCEL, work.ends_at, "auction_begins", text, out)
        if market.enter_phase(at):
            self._engine.consumed.clear()

    def _refused_in_halt(self, order: Order, at: datetime) -> OrderEvent | None:
        halt = self._market.halt
        if halt is None:
            return None
        if at < halt.entry:
            return OrderEvent(order.order_id, EventKind.REJECT, at, "market_halt", halt.text)
        if order.is_stop or order.validity is Validity.IOC or order.disclosed_quantity:
            text = "The opening after a halt takes no stop, IOC or disclosed-quantity orders."
            return OrderEvent(order.order_id, EventKind.REJECT, at, "auction_order_type", text)
        return None

    def _rebound(self, tick: MarketTick, at: datetime, out: list[OrderEvent]) -> None:
        if not self._market.rebound(tick):
            return
        lower, upper = self._market.lower, self._market.upper
        for work in list(self._own.orders.values()):
            if self._market.outside(work.price) or (work.armed and self._market.outside(work.order.trigger_price)):
                text = f"The price limits are now {lower} to {upper}, and the order is outside them."
                self._engine.end(work, EventKind.CANCEL, at, "out_of_band", text, out)
