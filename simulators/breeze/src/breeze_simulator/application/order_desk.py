"""The broker's order desk: takes orders, gives them to the matching engine, and tells what becomes of them.

Orders match against the simulated market by `breezeway.exchange`, the engine of the paper exchange, on the exchange
clock. Everything is in memory. Not thread-safe: it belongs to the event loop of the simulator.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Final

from breeze_simulator.application.journal import Journal
from breeze_simulator.application.ports import LiveMarket
from breeze_simulator.application.positions import Positions, opening_shares
from breeze_simulator.domain.broker_orders import FREEZE, BrokerOrder, BrokerTrade
from breeze_simulator.domain.contract_rules import market_depth, market_tick, rules_of
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import Tick
from breeze_simulator.domain.order_wire import OrderRequest
from breezeway.clock import IST, Clock, ist_datetime
from breezeway.exchange.checks import CASH, CheckContext, Failure, check_order
from breezeway.exchange.market import InstrumentRules
from breezeway.exchange.matching import InstrumentBook
from breezeway.exchange.orders import Amendment, EventKind, Order, OrderEvent, OrderRecord, Product, Side
from breezeway.market_calendar.calendar import MarketCalendar

Listener = Callable[[BrokerOrder], None]

_AT_THE_EXCHANGE: Final = frozenset({FREEZE, "price_band"})
"""Rules that the exchange applies: the broker has given the order a number by then and reports a rejection."""

_END_OF_DAY: Final = time(23, 59, 59)
_JITTER: Final = timedelta(seconds=10)
"""How far exchange time may step back without being another day: a machine's clock is corrected now and then."""


class OrderRefused(Exception):
    """The broker takes no such order; the text says why."""


class OrderDesk:
    """Orders by user. Listeners hear of an order after each change, the first of them being that it was requested."""

    def __init__(
        self,
        market: LiveMarket,
        clock: Clock,
        calendar: MarketCalendar,
        journal: Journal,
        positions: Positions,
        *,
        seed: int = 0,
    ) -> None:
        self._market = market
        self._clock = clock
        self._calendar = calendar
        self._journal = journal
        self._positions = positions
        self._seed = seed
        self._books: dict[str, InstrumentBook] = {}
        self._instruments: dict[str, Instrument] = {}
        self._orders: dict[str, BrokerOrder] = {}
        self._by_user: dict[str, list[str]] = {}
        self._working: dict[str, dict[str, None]] = {}
        self._listeners: list[Listener] = []
        self._order_numbers = count(1)
        self._trade_numbers = count(1)
        self._at = clock.now()

    def listen(self, listener: Listener) -> None:
        """Call `listener` after every change of every order."""
        self._listeners.append(listener)

    def place(self, user_id: str, instrument: Instrument, request: OrderRequest) -> BrokerOrder:
        """Take an order and match it as far as the market allows.

        Raises:
            OrderRefused: a rule of the broker is broken; nothing happened. What the exchange refuses has an order
                number and a status instead.
        """
        self._follow_the_clock()
        now = self._clock.now()
        quote, rules = self._market.snapshot(instrument), self._rules(instrument)
        order = Order(
            order_id=self._order_id(instrument, now, squares_off=request.squares_off),
            account_id=user_id,
            symbol=instrument.key,
            side=request.side,
            quantity=request.quantity,
            order_type=request.order_type,
            product=Product.CNC if rules.segment in CASH else Product.NRML,
            validity=request.validity,
            price=request.price,
            trigger_price=request.trigger_price,
            disclosed_quantity=min(request.disclosed_quantity, request.quantity),
            tag=request.user_remark or None,
        )
        failures = check_order(order, rules, self._context(user_id, instrument, rules, now, quote.last))
        at_broker = [failure for failure in failures if failure.code not in _AT_THE_EXCHANGE]
        if at_broker:
            raise OrderRefused(at_broker[0].text)
        placed = BrokerOrder(
            order_id=order.order_id,
            user_id=user_id,
            instrument=instrument,
            record=OrderRecord(order),
            product=request.product,
            validity=request.validity_text,
            user_remark=request.user_remark,
            placed_at=now,
            validity_date=request.validity_date,
            squares_off=request.squares_off,
        )
        self._orders[order.order_id] = placed
        self._by_user.setdefault(user_id, []).append(order.order_id)
        self._working.setdefault(user_id, {})[order.order_id] = None
        self._note("place", placed, side=order.side.value, quantity=order.quantity, price=str(order.price))
        self._tell(placed)
        if failures:
            self._refuse(order, now, failures[0])
        else:
            book = self._book(instrument, rules)
            self._prime(book, instrument, now)
            self._apply(book.accept(order, now))
            self._tidy(instrument.key)
        return self._orders[order.order_id]

    def modify(self, user_id: str, order_id: str, change: Amendment) -> bool:
        """Change a working order; False when the exchange would not, or it works no longer.

        Raises:
            OrderRefused: a rule of the broker is broken.
            InvalidInput: the terms make no order.
            KeyError: the user has no such order.
        """
        self._follow_the_clock()
        found = self.get(user_id, order_id)
        book = self._books.get(found.instrument.key)
        if book is None:
            return False
        now = self._clock.now()
        self._check_change(found, change, now)
        self._prime(book, found.instrument, now)
        events = book.modify(order_id, change, now)
        self._apply(events)
        done = any(event.kind is EventKind.MODIFY for event in events)
        self._note("modify" if done else "modify_refused", self._orders[order_id])
        self._tidy(found.instrument.key)
        return done

    def cancel(self, user_id: str, order_id: str) -> bool:
        """Take a working order back; False when it works no longer.

        Raises:
            KeyError: the user has no such order.
        """
        self._follow_the_clock()
        found = self.get(user_id, order_id)
        book = self._books.get(found.instrument.key)
        events = () if book is None else book.cancel(order_id, self._clock.now())
        self._apply(events)
        done = any(event.kind is EventKind.CANCEL and event.order_id == order_id for event in events)
        self._note("cancel" if done else "cancel_refused", self._orders[order_id])
        self._tidy(found.instrument.key)
        return done

    def get(self, user_id: str, order_id: str) -> BrokerOrder:
        """Raises KeyError when the user has no such order."""
        found = self._orders[order_id]
        if found.user_id != user_id:
            raise KeyError(order_id)
        return found

    def orders(self, user_id: str) -> list[BrokerOrder]:
        """All orders of a user since the simulator started, oldest first."""
        return [self._orders[order_id] for order_id in self._by_user.get(user_id, ())]

    def working(self, user_id: str) -> list[BrokerOrder]:
        """Orders of a user that may still fill, oldest first."""
        return [self._orders[order_id] for order_id in self._working.get(user_id, ())]

    def everybody(self) -> list[BrokerOrder]:
        """All orders, oldest first."""
        return list(self._orders.values())

    def sellable(self, user_id: str, instrument: Instrument) -> int:
        """Shares that may still be offered: held or bought, less what working orders offer."""
        held = opening_shares(instrument) + self._positions.get(user_id, instrument).quantity
        offered = (
            order.pending
            for order in self.working(user_id)
            if order.instrument.key == instrument.key and order.order.side is Side.SELL
        )
        return held - sum(offered)

    async def emit_ticks(self, ticks: Sequence[Tick]) -> None:
        """Match against what happened in the market."""
        self._follow_the_clock()
        for tick in ticks:
            book = self._books.get(tick.instrument.key)
            if book is not None:
                self._apply(book.on_tick(market_tick(tick.quote, tick.at)))
                self._tidy(tick.instrument.key)

    def advance(self) -> None:
        """Let the exchange clock expire what has ended."""
        self._follow_the_clock()
        now = self._clock.now()
        for key, book in tuple(self._books.items()):
            self._apply(book.advance(now))
            self._tidy(key)

    def _follow_the_clock(self) -> None:
        """When the clock went back, or to another day, the day that was on has ended for its orders."""
        now, before = self._clock.now(), self._at
        self._at = now
        if now > before - _JITTER and now.astimezone(IST).date() == before.astimezone(IST).date():
            return
        end = ist_datetime(before.astimezone(IST).date(), _END_OF_DAY)
        for key, book in tuple(self._books.items()):
            self._apply(book.advance(end))
            self._tidy(key)

    def _context(
        self, user_id: str, instrument: Instrument, rules: InstrumentRules, now: datetime, last: float
    ) -> CheckContext:
        return CheckContext(
            at=now,
            calendar=self._calendar,
            last=Decimal(str(last)),
            last_at=now,
            position=self._positions.get(user_id, instrument).quantity,
            sellable=self.sellable(user_id, instrument) if rules.segment in CASH else 0,
        )

    def _check_change(self, found: BrokerOrder, change: Amendment, now: datetime) -> None:
        instrument, last = found.instrument, self._market.snapshot(found.instrument).last
        rules = self._rules(instrument)
        context = self._context(found.user_id, instrument, rules, now, last)
        # What this order itself offers is not lost to it.
        context = replace(context, sellable=context.sellable + found.pending + found.record.filled)
        # A stop that has triggered is past its trigger by nature.
        passed = {"trigger_side"} if change.trigger_price in (None, found.order.trigger_price) else set()
        failures = check_order(change.applied_to(found.order), rules, context)
        failure = next((each for each in failures if each.code not in passed), None)
        if failure is not None:
            raise OrderRefused(failure.text)

    def _rules(self, instrument: Instrument) -> InstrumentRules:
        has_derivatives = self._market.universe.has_derivatives(instrument)
        return rules_of(instrument, self._market.snapshot(instrument), has_derivatives=has_derivatives)

    def _book(self, instrument: Instrument, rules: InstrumentRules) -> InstrumentBook:
        book = self._books.get(instrument.key)
        if book is None:
            book = self._books[instrument.key] = InstrumentBook(rules, self._calendar, seed=self._seed)
            self._instruments[instrument.key] = instrument
            self._market.watch(instrument)
        return book

    def _prime(self, book: InstrumentBook, instrument: Instrument, now: datetime) -> None:
        """Show the book the market of this instant: what trades rarely may not tick for minutes."""
        self._apply(book.on_tick(market_tick(self._market.snapshot(instrument), now)))
        self._apply(book.on_depth(market_depth(self._market.depth(instrument), now)))

    def _tidy(self, key: str) -> None:
        """Forget a book in which nothing works."""
        book = self._books.get(key)
        if book is not None and not book.working:
            del self._books[key]
            self._market.unwatch(self._instruments.pop(key))

    def _refuse(self, order: Order, now: datetime, failure: Failure) -> None:
        self._apply((OrderEvent(order.order_id, EventKind.REJECT, now, failure.code, failure.text),))

    def _apply(self, events: Sequence[OrderEvent]) -> None:
        for event in events:
            if event.kind in (EventKind.MODIFY_REJECT, EventKind.CANCEL_REJECT):
                continue
            order = self._orders[event.order_id]
            trade = None
            if event.fill is not None:
                number = next(self._trade_numbers)
                trade = BrokerTrade(
                    trade_id=f"{event.at.astimezone(IST):%Y/%j}/{number:08d}",
                    exchange_trade_id=str(100_000_000 + number),
                    quantity=event.fill.quantity,
                    price=event.fill.price,
                    at=event.at,
                )
                signed = trade.quantity if order.order.is_buy else -trade.quantity
                self._positions.trade(order.user_id, order.instrument, signed, trade.price)
            order = order.after(event, trade)
            self._orders[event.order_id] = order
            if not order.is_working:
                self._working[order.user_id].pop(order.order_id, None)
            self._note(event.kind.value, order, code=event.code, filled=order.record.filled)
            self._tell(order)

    def _tell(self, order: BrokerOrder) -> None:
        for listener in self._listeners:
            listener(order)

    def _order_id(self, instrument: Instrument, now: datetime, *, squares_off: bool) -> str:
        number, day = next(self._order_numbers), f"{now.astimezone(IST):%Y%m%d}"
        if instrument.is_derivative:
            return f"{day}{2500 if squares_off else 1400}{number:06d}"
        return f"{day}{'N' if instrument.exchange == 'NSE' else 'J'}3{number:08d}"

    def _note(self, event: str, order: BrokerOrder, **details: object) -> None:
        self._journal.record(
            "order",
            event=event,
            user_id=order.user_id,
            order_id=order.order_id,
            exchange_code=order.instrument.exchange,
            stock_code=order.instrument.stock_code,
            user_remark=order.user_remark,
            status=order.status.value,
            **details,
        )
