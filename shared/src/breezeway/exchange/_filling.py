"""What fills, at which price and why: the working orders of one instrument against what is seen of its market.

Rules, each named in `Rule` and told in the explanation of what it decided:

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

from datetime import datetime
from decimal import Decimal
from hashlib import blake2s

from breezeway.exchange._market import MarketView
from breezeway.exchange._prints import Print
from breezeway.exchange._reasons import FILLED, reason
from breezeway.exchange._resting import Resting
from breezeway.exchange._working import Working, end_of_life
from breezeway.exchange.explanations import Explanation, Rule
from breezeway.exchange.market import MarketTick, displayed
from breezeway.exchange.matching_settings import MatchingSettings
from breezeway.exchange.orders import EventKind, Fill, OrderEvent, Validity
from breezeway.exchange.prices import protected_limit
from breezeway.market_calendar.calendar import MarketCalendar


class Filling:
    """Shares orders and market with the book that owns it.

    `consumed` is what each account has taken of a level: by account, whether it bought, and price.
    """

    def __init__(
        self, own: Resting, market: MarketView, calendar: MarketCalendar, seed: int, settings: MatchingSettings
    ) -> None:
        self.own = own
        self.market = market
        self.seed = seed
        self.consumed: dict[tuple[str, bool, Decimal], int] = {}
        self._calendar = calendar
        self._settings = settings

    def place(self, work: Working, at: datetime, out: list[OrderEvent]) -> None:
        """Let an order arrive: match what can be matched now, rest or cancel what is left."""
        if work.armed:
            if self.market.open(at) and self._triggered(work):
                self._trigger(work, at, out)
            else:
                self.own.rest(work)
            return
        if self.market.open(at):
            self._arrive(work, at, out, Rule.TAKES_BOOK)
        if not work.remaining:
            return
        if work.order.validity is Validity.IOC:
            rule, text = self.why(work, at)
            code = "ioc_remainder" if self.market.open(at) else rule.value
            self.end(work, EventKind.CANCEL, at, code, text, out)
        else:
            self.own.rest(work)

    def _arrive(self, work: Working, at: datetime, out: list[OrderEvent], rule: Rule) -> None:
        tick = self.market.tick
        if work.price is None and tick is not None:
            work.price = protected_limit(
                tick.ltp,
                self.market.rules,
                buy=work.buy,
                lower=self.market.lower,
                upper=self.market.upper,
                protection=self._settings.protection,
            )
        self._sweep(work, at, rule, out)
        self._settle_in(work)

    def match(self, traded: Print | None, tick: MarketTick, out: list[OrderEvent]) -> None:
        at, own = self.market.seen_at, self.own
        opening, self.market.opening = self.market.opening, False
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
        buy, ltp, book = orders[0].buy, tick.ltp, self.market.book
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
                self._sweep(work, self.market.seen_at, Rule.OPENING_GAP if opening else Rule.TAKES_BOOK, out)
            else:
                if traded is not None:
                    self._trade(work, price, traded, ltp, used, first, out)
                if work.remaining and best is not None and (best <= price if buy else best >= price):
                    self._sweep(work, self.market.seen_at, Rule.BOOK_CROSSED, out)
            if work.remaining:
                self._settle_in(work)
                first.add((work.order.account_id, price))
            else:
                done.append(work)
        for work in done:
            self.own.forget(work)

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
            self._fill(work, quantity, price, self.market.seen_at, rule, out, maker=True)

    def _sweep(self, work: Working, at: datetime, rule: Rule, out: list[OrderEvent]) -> None:
        """Take what is displayed at the order's price or better; one that rested already gets its own price."""
        limit, maker = work.price, rule is Rule.BOOK_CROSSED
        if limit is None or not work.remaining:
            return
        for level in self.market.book.asks if work.buy else self.market.book.bids:
            if level.price > limit if work.buy else level.price < limit:
                break
            if self.market.outside(level.price):
                continue
            key = (work.order.account_id, work.buy, level.price)
            taken = self.consumed.get(key, 0)
            quantity = min(work.remaining, level.quantity - taken)
            if quantity > 0:
                self.consumed[key] = taken + quantity
                self._fill(work, quantity, limit if maker else level.price, at, rule, out, maker=maker)
            if not work.remaining:
                return

    def _settle_in(self, work: Working) -> None:
        """Bring its place in the queue up to date with the book."""
        price = work.price
        if price is None:
            return
        mine, other = (
            (self.market.book.bids, self.market.book.asks)
            if work.buy
            else (self.market.book.asks, self.market.book.bids)
        )
        work.passive = not other or (price < other[0].price if work.buy else price > other[0].price)
        shown = displayed(mine, price, buy=work.buy)
        if shown is not None:
            work.ahead = shown if work.ahead is None else min(work.ahead, shown)

    def _replenish(self, traded: Print | None) -> None:
        if not self.consumed:
            return
        new = (traded.between or 0) if traded is not None else 0
        shown = {(True, level.price) for level in self.market.book.asks} | {
            (False, level.price) for level in self.market.book.bids
        }
        self.consumed = {
            key: taken - new for key, taken in self.consumed.items() if taken > new and (key[1], key[2]) in shown
        }

    def _triggered(self, work: Working) -> bool:
        tick, trigger = self.market.tick, work.order.trigger_price
        if tick is None or trigger is None:
            return False
        return tick.ltp >= trigger if work.buy else tick.ltp <= trigger

    def _trigger(self, work: Working, at: datetime, out: list[OrderEvent]) -> None:
        tick = self.market.tick
        last = tick.ltp if tick is not None else None
        text = f"The last price, {last}, reached the trigger, {work.order.trigger_price}."
        explanation = self.explanation(work, at, Rule.STOP_TRIGGERED, text)
        out.append(OrderEvent(work.order.order_id, EventKind.TRIGGER, at, "triggered", text, explanation=explanation))
        work.armed = False
        life = end_of_life(work.order, False, at, self.market.rules, self._calendar)
        if life is not None:
            work.ends_at, work.ends_by = life
        self.place(work, at, out)

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
        name = f"{self.seed}|{order.symbol}|{order.order_id}|{work.fills}"
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
        explanation = self.explanation(work, at, rule, text)
        out.append(OrderEvent(order.order_id, kind, at, rule.value, text, fill=fill, explanation=explanation))
        if not work.remaining:
            self.own.orders.pop(order.order_id, None)

    def end(self, work: Working, kind: EventKind, at: datetime, code: str, text: str, out: list[OrderEvent]) -> None:
        explanation = self.explanation(work, at, *self.why(work, at))
        out.append(OrderEvent(work.order.order_id, kind, at, code, text, explanation=explanation))
        self.own.forget(work)

    def why(self, work: Working, at: datetime) -> tuple[Rule, str]:
        return self.market.closed_for(at) or reason(work, self.market.tick, self.market.book)

    def explanation(self, work: Working, at: datetime, rule: Rule, text: str) -> Explanation:
        tick = self.market.tick
        return Explanation(
            rule=rule,
            text=text,
            at=at,
            last_price=tick.ltp if tick is not None else None,
            last_trade_at=tick.at if tick is not None else None,
            book=self.market.book,
            queue_ahead=work.ahead,
            remaining=work.remaining,
        )
