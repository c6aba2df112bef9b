"""The matching engine: the working orders of one instrument against its market, by event time.

Pure and deterministic: the same calls with the same seed give the same events, byte for byte, and a snapshot taken
anywhere goes on as if nothing had happened. Rules, each named in `Rule` and told in the explanation of what it decided:

- An arriving order walks the displayed book, up to five levels, at their prices. A market order is a limit order at its
  protection. What is left rests (DAY) or is cancelled (IOC).
- What has rested fills at its own price: when a trade went through it, up to what was traded; when a trade was at it,
  after the quantity that was displayed before it; when the book crossed it, up to what is displayed.
- A queue shrinks by what trades at its price, and to what is displayed: cancellations are taken to come from behind.
- What rested over a pause meets the opening book as an arriving order does, so a gap is filled at the better price.
- A stop triggers on the last traded price and then arrives.
- What an account took from a level is gone for it until as much has traded, or the level has left the book.
- Accounts do not see each other: a fill of one depends on the market and on its own orders only.
- No fill while the market does not match continuously, is halted, or its feed is stale; none outside the bands.
"""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2s
from typing import Final, Self

from breezeway.clock import IST, ist_datetime
from breezeway.errors import Conflict, InvalidInput, NotFound
from breezeway.exchange._prints import Print, print_of
from breezeway.exchange._reasons import FILLED, reason, refused
from breezeway.exchange._resting import Resting
from breezeway.exchange._working import BookState, Working, end_of_life
from breezeway.exchange.explanations import Explanation, Rule
from breezeway.exchange.market import EMPTY_BOOK, Book, Depth, InstrumentRules, MarketTick, displayed, touch
from breezeway.exchange.matching_settings import MatchingSettings
from breezeway.exchange.orders import Amendment, EventKind, Fill, Order, OrderEvent, Validity
from breezeway.exchange.prices import protected_limit
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import TRADING_KINDS, SessionKind

Events = tuple[OrderEvent, ...]

_NOTHING: Final[Events] = ()
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
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
        self._seed = seed
        self._settings = settings
        self._own = Resting()
        self._consumed: dict[tuple[str, bool, Decimal], int] = {}
        self._sequence = 0
        self._tick: MarketTick | None = None
        self._depth: Depth | None = None
        self._book = EMPTY_BOOK
        self._market_at = _BEGINNING
        self._phase_until = _BEGINNING
        self._matching = self._auction = self._opening = self._halted = self._lost = False
        self._lower, self._upper = rules.lower_band, rules.upper_band

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
        if self._outside(order.price) or self._outside(order.trigger_price):
            text = f"The price is outside today's limits, {self._lower} to {self._upper}."
            out.append(OrderEvent(order.order_id, EventKind.REJECT, at, "price_band", text))
            return tuple(out)
        self._sequence += 1
        work = Working(order, order.is_buy, order.price, order.quantity, self._sequence, at, *life, armed=order.is_stop)
        self._own.orders[order.order_id] = work
        kind = EventKind.ACCEPT_STOP if order.is_stop else EventKind.ACCEPT
        out.append(OrderEvent(order.order_id, kind, at, "accepted", "The exchange accepted the order."))
        self._place(work, at, out)
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
        if self._outside(order.price) or self._outside(order.trigger_price):
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
            self._place(work, at, out)
        return tuple(out)

    def cancel(self, order_id: str, at: datetime, *, code: str = "cancelled", text: str = "Cancelled.") -> Events:
        """Take an order out of the book; one that works no longer gives a `cancel_reject` event."""
        out: list[OrderEvent] = []
        self._pass(at, out)
        work = self._own.orders.get(order_id)
        if work is None:
            text = "The order works no longer."
            return (*out, OrderEvent(order_id, EventKind.CANCEL_REJECT, at, "order_not_working", text))
        self._end(work, EventKind.CANCEL, at, code, text, out)
        return tuple(out)

    def on_tick(self, tick: MarketTick) -> Events:
        """Match against a tick. One older than what was seen is left out: the market has moved on from it."""
        at = tick.at
        if at < self._market_at:
            return _NOTHING
        out: list[OrderEvent] = []
        if at >= self._phase_until:
            self._pass(at, out)
        before, lost = self._tick, self._lost
        self._tick, self._market_at, self._lost = tick, at, False
        if tick.lower_band != self._lower or tick.upper_band != self._upper:
            self._rebound(tick, at, out)
        if not self._matching or self._halted:
            return tuple(out)
        low, high = self._own.low, self._own.high
        bid, ask = tick.bid, tick.ask
        if (
            not self._opening
            and bid is not None
            and ask is not None
            and low < tick.ltp < high
            and low < bid < high
            and low < ask < high
            and tick.bid_quantity
            and tick.ask_quantity
            and not self._consumed
        ):
            # Nothing of ours is at the touch or beyond it, so neither this print nor this touch can concern us.
            return tuple(out) if out else _NOTHING
        self._book = self._view()
        silence = self._settings.stale_after
        self._match(print_of(tick, before, silence=silence, lost=lost), tick, out)
        return tuple(out)

    def on_depth(self, depth: Depth) -> Events:
        """Match against a new book. An older one than was seen is left out."""
        if depth.at < self._market_at:
            return _NOTHING
        out: list[OrderEvent] = []
        if depth.at >= self._phase_until:
            self._pass(depth.at, out)
        self._depth, self._market_at = depth, depth.at
        self._book = depth.book
        # Without a trade since the pause there is no price to protect from, so the opening waits for the first tick.
        if self._matching and not self._halted and not self._opening and not self._lost and self._tick is not None:
            self._match(None, self._tick, out)
        return tuple(out)

    def advance(self, at: datetime) -> Events:
        """Let time pass without a tick: orders expire, phases change."""
        out: list[OrderEvent] = []
        self._pass(at, out)
        return tuple(out)

    def feed_lost(self) -> None:
        """Fill nothing until a tick comes; what was traded meanwhile counts for nobody's queue."""
        self._lost = True

    def halt(self, at: datetime) -> Events:
        """A market-wide halt: every order is cancelled, nothing matches until `resume`."""
        out: list[OrderEvent] = []
        self._pass(at, out)
        for work in list(self._own.orders.values()):
            self._end(work, EventKind.CANCEL, at, "market_halt", "The exchange halted trading.", out)
        self._halted = True
        return tuple(out)

    def resume(self) -> None:
        """The halt is over; the next tick is an opening."""
        self._halted, self._opening = False, True

    def explain(self, order_id: str, at: datetime) -> Explanation:
        """Why a working order has not filled by `at`.

        Raises:
            NotFound: `order_not_working`.
        """
        work = self._own.orders.get(order_id)
        if work is None:
            raise NotFound(f"The order {order_id} is not in the book.", code="order_not_working")
        self._book = self._view()
        return self._explanation(work, at, *self._why(work, at))

    def snapshot(self) -> BookState:
        """The book's whole memory, to go on from after a restart."""
        return BookState(
            symbol=self.rules.symbol,
            seed=self._seed,
            sequence=self._sequence,
            rules=replace(self.rules, lower_band=self._lower, upper_band=self._upper),
            tick=self._tick,
            depth=self._depth,
            market_at=self._market_at,
            phase_until=self._phase_until,
            matching=self._matching,
            auction=self._auction,
            opening=self._opening,
            halted=self._halted,
            lost=self._lost,
            consumed=tuple(self._consumed.items()),
            working=tuple(work.frozen() for work in self._own.orders.values()),
        )

    @classmethod
    def restore(cls, state: BookState, calendar: MarketCalendar, *, settings: MatchingSettings = _DEFAULTS) -> Self:
        """A book that goes on exactly where `state` was taken."""
        book = cls(state.rules, calendar, seed=state.seed, settings=settings)
        book._sequence, book._tick, book._depth = state.sequence, state.tick, state.depth
        book._market_at, book._phase_until = state.market_at, state.phase_until
        book._matching, book._auction, book._opening = state.matching, state.auction, state.opening
        book._halted, book._lost = state.halted, state.lost
        book._consumed = dict(state.consumed)
        for image in state.working:
            work = image.thawed()
            book._own.orders[work.order.order_id] = work
            book._own.rest(work)
        book._book = book._view()
        return book

    # The market

    def _view(self) -> Book:
        tick, depth = self._tick, self._depth
        if depth is not None and (tick is None or depth.at > tick.at):
            return depth.book
        if tick is None:
            return EMPTY_BOOK
        fresh = depth is not None and tick.at - depth.at <= self._settings.stale_after
        known = depth.book if depth is not None and fresh else EMPTY_BOOK
        return Book(
            touch(tick.bid, tick.bid_quantity, known.bids, buy=True),
            touch(tick.ask, tick.ask_quantity, known.asks, buy=False),
        )

    def _fresh(self, at: datetime) -> bool:
        known = self._tick is not None and not self._lost and not self._opening
        return known and at - self._market_at <= self._settings.stale_after

    def _pass(self, at: datetime, out: list[OrderEvent]) -> None:
        self._book = self._view()
        if at < self._phase_until:
            return
        for work in sorted(self._own.orders.values(), key=lambda work: (work.ends_at, work.seq)):
            if work.ends_at > at:
                break
            if work.ends_by is EventKind.EXPIRE:
                self._end(work, EventKind.EXPIRE, work.ends_at, "day_over", "The day's trading is over.", out)
            else:
                text = "The closing auction takes no stop and no disclosed-quantity orders."
                self._end(work, EventKind.CANCEL, work.ends_at, "auction_begins", text, out)
        day = at.astimezone(IST).date()
        sessions = self._calendar.sessions(self.rules.segment, day, cas_eligible=self.rules.cas_eligible)
        now = next((session for session in sessions if at in session), None)
        later = [session.start for session in sessions if session.start > at]
        midnight = ist_datetime(day + timedelta(days=1), time(0))
        self._phase_until = now.end if now is not None else min([*later, midnight])
        matching = now is not None and now.kind in TRADING_KINDS
        self._auction = now is not None and now.kind is SessionKind.CLOSING_AUCTION
        if matching:
            # Yesterday's prices, or those from before a pause, are no market to trade against.
            self._opening, self._tick, self._depth, self._book = True, None, None, EMPTY_BOOK
            self._consumed.clear()
        self._matching = matching

    def _rebound(self, tick: MarketTick, at: datetime, out: list[OrderEvent]) -> None:
        lower = self._lower if tick.lower_band is None else tick.lower_band
        upper = self._upper if tick.upper_band is None else tick.upper_band
        if (lower, upper) == (self._lower, self._upper):
            return
        self._lower, self._upper = lower, upper
        for work in list(self._own.orders.values()):
            if self._outside(work.price) or (work.armed and self._outside(work.order.trigger_price)):
                text = f"The price limits are now {lower} to {upper}, and the order is outside them."
                self._end(work, EventKind.CANCEL, at, "out_of_band", text, out)

    def _outside(self, price: Decimal | None) -> bool:
        if price is None:
            return False
        return (self._lower is not None and price < self._lower) or (self._upper is not None and price > self._upper)

    # Matching

    def _place(self, work: Working, at: datetime, out: list[OrderEvent]) -> None:
        """Let an order arrive: match what can be matched now, rest or cancel what is left."""
        if work.armed:
            if self._open(at) and self._triggered(work):
                self._trigger(work, at, out)
            else:
                self._own.rest(work)
            return
        if self._open(at):
            self._arrive(work, at, out, Rule.TAKES_BOOK)
        if not work.remaining:
            return
        if work.order.validity is Validity.IOC:
            rule, text = self._why(work, at)
            code = "ioc_remainder" if self._open(at) else rule.value
            self._end(work, EventKind.CANCEL, at, code, text, out)
        else:
            self._own.rest(work)

    def _open(self, at: datetime) -> bool:
        return self._matching and not self._halted and self._fresh(at)

    def _arrive(self, work: Working, at: datetime, out: list[OrderEvent], rule: Rule) -> None:
        tick = self._tick
        if work.price is None and tick is not None:
            work.price = protected_limit(
                tick.ltp,
                self.rules,
                buy=work.buy,
                lower=self._lower,
                upper=self._upper,
                protection=self._settings.protection,
            )
        self._sweep(work, at, rule, out)
        self._settle_in(work)

    def _match(self, traded: Print | None, tick: MarketTick, out: list[OrderEvent]) -> None:
        at, own = self._market_at, self._own
        opening, self._opening = self._opening, False
        self._replenish(traded)
        for orders in (own.buys, own.sells):
            if orders:
                self._match_side(orders, traded, tick, opening, out)
        for work in own.waiting.copy():
            own.lift(work)
            self._arrive(work, at, out, Rule.OPENING_GAP if opening else Rule.TAKES_BOOK)
            if work.remaining:
                own.rest(work)
        if traded is None:
            return
        for work in own.stops.copy():
            if self._triggered(work):
                own.lift(work)
                self._trigger(work, at, out)

    def _match_side(
        self, orders: list[Working], traded: Print | None, tick: MarketTick, opening: bool, out: list[OrderEvent]
    ) -> None:
        buy, ltp, book = orders[0].buy, tick.ltp, self._book
        mine, other = (book.bids, book.asks) if buy else (book.asks, book.bids)
        best = other[0].price if other else None
        worst = mine[-1].price if mine else None
        used: dict[str, int] = {}
        first: set[tuple[str, Decimal]] = set()
        done = []
        for work in orders:
            price = work.price
            if price is None:
                continue
            if not opening and worst is not None and work.passive:
                beyond = price < worst and price < ltp if buy else price > worst and price > ltp
                if beyond and (best is None or (price < best if buy else price > best)):
                    break
            if opening or not work.passive:
                self._sweep(work, self._market_at, Rule.OPENING_GAP if opening else Rule.TAKES_BOOK, out)
            else:
                if traded is not None:
                    self._trade(work, price, traded, ltp, used, first, out)
                if work.remaining and best is not None and (best <= price if buy else best >= price):
                    self._sweep(work, self._market_at, Rule.BOOK_CROSSED, out)
            if work.remaining:
                self._settle_in(work)
                first.add((work.order.account_id, price))
            else:
                done.append(work)
        for work in done:
            self._own.forget(work)

    def _trade(
        self,
        work: Working,
        price: Decimal,
        traded: Print,
        ltp: Decimal,
        used: dict[str, int],
        first: set[tuple[str, Decimal]],
        out: list[OrderEvent],
    ) -> None:
        account = work.order.account_id
        gone = used.get(account, 0)
        if ltp == price:
            reach = traded.touch(work.since) - gone
            if reach <= 0:
                return
            ahead, rule = work.ahead, Rule.QUEUE_REACHED
            if ahead is None:
                # Its price was out of sight, so nobody knows what stood before it: this print only brings it into view.
                return
            work.ahead = max(0, ahead - reach)
            if (account, price) in first:
                return
            quantity = min(work.remaining, reach - ahead)
        elif (ltp < price) is work.buy:
            budget, rule = traded.through(work.since), Rule.TRADED_THROUGH
            quantity = work.remaining if budget is None else min(work.remaining, budget - gone)
        else:
            return
        if quantity > 0:
            used[account] = gone + quantity
            self._fill(work, quantity, price, self._market_at, rule, out, maker=True)

    def _sweep(self, work: Working, at: datetime, rule: Rule, out: list[OrderEvent]) -> None:
        """Take what is displayed at the order's price or better; one that rested already gets its own price."""
        limit, maker = work.price, rule is Rule.BOOK_CROSSED
        if limit is None or not work.remaining:
            return
        for level in self._book.asks if work.buy else self._book.bids:
            if level.price > limit if work.buy else level.price < limit:
                break
            if self._outside(level.price):
                continue
            key = (work.order.account_id, work.buy, level.price)
            taken = self._consumed.get(key, 0)
            quantity = min(work.remaining, level.quantity - taken)
            if quantity > 0:
                self._consumed[key] = taken + quantity
                self._fill(work, quantity, limit if maker else level.price, at, rule, out, maker=maker)
            if not work.remaining:
                return

    def _settle_in(self, work: Working) -> None:
        """Bring its place in the queue up to date with the book."""
        price = work.price
        if price is None:
            return
        mine, other = (self._book.bids, self._book.asks) if work.buy else (self._book.asks, self._book.bids)
        work.passive = not other or (price < other[0].price if work.buy else price > other[0].price)
        shown = displayed(mine, price, buy=work.buy)
        if shown is not None:
            work.ahead = shown if work.ahead is None else min(work.ahead, shown)

    def _replenish(self, traded: Print | None) -> None:
        if not self._consumed:
            return
        new = (traded.between or 0) if traded is not None else 0
        shown = {(True, level.price) for level in self._book.asks} | {(False, level.price) for level in self._book.bids}
        self._consumed = {
            key: taken - new for key, taken in self._consumed.items() if taken > new and (key[1], key[2]) in shown
        }

    def _triggered(self, work: Working) -> bool:
        tick, trigger = self._tick, work.order.trigger_price
        if tick is None or trigger is None:
            return False
        return tick.ltp >= trigger if work.buy else tick.ltp <= trigger

    def _trigger(self, work: Working, at: datetime, out: list[OrderEvent]) -> None:
        tick = self._tick
        last = tick.ltp if tick is not None else None
        text = f"The last price, {last}, reached the trigger, {work.order.trigger_price}."
        explanation = self._explanation(work, at, Rule.STOP_TRIGGERED, text)
        out.append(OrderEvent(work.order.order_id, EventKind.TRIGGER, at, "triggered", text, explanation=explanation))
        work.armed = False
        life = end_of_life(work.order, False, at, self.rules, self._calendar)
        if life is not None:
            work.ends_at, work.ends_by = life
        self._place(work, at, out)

    def _fill(
        self,
        work: Working,
        quantity: int,
        price: Decimal,
        at: datetime,
        rule: Rule,
        out: list[OrderEvent],
        *,
        maker: bool,
    ) -> None:
        order = work.order
        work.remaining -= quantity
        work.fills += 1
        name = f"{self._seed}|{order.symbol}|{order.order_id}|{work.fills}"
        fill = Fill(
            blake2s(name.encode(), digest_size=12).hexdigest(),
            order.order_id,
            order.account_id,
            order.symbol,
            order.side,
            quantity,
            price,
            at,
            maker,
        )
        kind = EventKind.PARTIAL_FILL if work.remaining else EventKind.FILL
        text = f"{quantity} at {price}: {FILLED[rule]}"
        explanation = self._explanation(work, at, rule, text)
        out.append(OrderEvent(order.order_id, kind, at, rule.value, text, fill=fill, explanation=explanation))
        if not work.remaining:
            self._own.orders.pop(order.order_id, None)

    def _end(self, work: Working, kind: EventKind, at: datetime, code: str, text: str, out: list[OrderEvent]) -> None:
        explanation = self._explanation(work, at, *self._why(work, at))
        out.append(OrderEvent(work.order.order_id, kind, at, code, text, explanation=explanation))
        self._own.forget(work)

    def _why(self, work: Working, at: datetime) -> tuple[Rule, str]:
        if self._halted:
            return Rule.HALTED, "Trading is halted."
        if self._auction:
            return Rule.WAITS_FOR_AUCTION, "The closing auction is on; continuous matching is over."
        if not self._matching:
            return Rule.WAITS_FOR_MARKET, "The market does not match continuously now."
        if not self._fresh(at):
            return Rule.STALE_FEED, "No tick is recent enough to trade against."
        return reason(work, self._tick, self._book)

    def _explanation(self, work: Working, at: datetime, rule: Rule, text: str) -> Explanation:
        tick = self._tick
        return Explanation(
            rule=rule,
            text=text,
            at=at,
            last_price=tick.ltp if tick is not None else None,
            last_trade_at=tick.at if tick is not None else None,
            book=self._book,
            queue_ahead=work.ahead,
            remaining=work.remaining,
        )
