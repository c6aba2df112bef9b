"""What an order must satisfy before it is accepted. Every failure is reported, not only the first.

Codes are stable machine words, texts are for a person. Money is not checked here: what an order needs is the margin's
business, and whether the account has it is the ledger's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from breezeway.clock import IST
from breezeway.exchange.market import InstrumentKind, InstrumentRules
from breezeway.exchange.orders import Order, OrderType, Product, Side, Validity
from breezeway.exchange.prices import on_grid
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Phase, Segment

CASH: Final = frozenset({Segment.NSE, Segment.BSE})
_BSE: Final = frozenset({Segment.BSE, Segment.BFO})
_BSE_DROPPED_SL_M: Final = date(2023, 10, 9)
_NSE_DROPPED_OPTION_SL_M: Final = date(2021, 9, 27)
_ENTRY_PHASES: Final = frozenset({Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.SPECIAL, Phase.CLOSING_AUCTION})
_LIMIT_ONLY_SESSIONS: Final = frozenset({"limit_only"})
_SHUT_SESSIONS: Final = frozenset({"matching", "buffer", "reference_price"})


class AccountState(StrEnum):
    """The kill switch: `reducing` lets through only what makes a position smaller, `halted` nothing."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule that an order breaks, and the field it is about."""

    code: str
    text: str
    field: str


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Mutations of the second that is running, as a value: place, modify, cancel and square-off all count."""

    per_second: int = 10
    second: datetime | None = None
    used: int = 0

    def allows(self, at: datetime) -> bool:
        return self.per_second > (self.used if self._same_second(at) else 0)

    def counted(self, at: datetime) -> "RateLimit":
        """The limit after one more mutation at `at`."""
        used = self.used + 1 if self._same_second(at) else 1
        return RateLimit(self.per_second, at.replace(microsecond=0), used)

    def _same_second(self, at: datetime) -> bool:
        # The exchange counts calendar seconds; a rolling window would refuse what it accepts.
        return self.second == at.replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class CheckContext:
    """All that the checks look at besides the order and its instrument.

    Args:
        at: exchange time, aware.
        last: the last traded price; None when none is known.
        last_at: when that price was seen.
        position: net open quantity in the order's product, positive when long.
        sellable: holdings free to sell for delivery: settled, T1 and bought today, less what is already offered.
        lower_band: the newest band of the feed, which replaces the instrument's; likewise `upper_band`.
    """

    at: datetime
    calendar: MarketCalendar
    last: Decimal | None = None
    last_at: datetime | None = None
    position: int = 0
    sellable: int = 0
    state: AccountState = AccountState.ACTIVE
    rate: RateLimit = field(default_factory=RateLimit)
    lower_band: Decimal | None = None
    upper_band: Decimal | None = None
    stale_after: timedelta = timedelta(seconds=15)


def check_order(order: Order, rules: InstrumentRules, context: CheckContext) -> tuple[Failure, ...]:
    """Every rule that the order breaks, in a fixed order; empty when it may be accepted."""
    return tuple(
        failure
        for rule in (_account, _instrument, _quantity, _grid, _bands, _type, _stop, _phase, _product, _freshness)
        for failure in rule(order, rules, context)
    )


def _account(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    if not context.rate.allows(context.at):
        yield Failure("order_rate", f"More than {context.rate.per_second} order requests in one second.", "account_id")
    if context.state is AccountState.HALTED:
        yield Failure("account_halted", "The account is halted: it takes no orders.", "account_id")
    elif context.state is AccountState.REDUCING:
        signed = order.quantity if order.side is Side.BUY else -order.quantity
        held = context.position or (context.sellable if order.product is Product.CNC else 0)
        if held * signed >= 0 or abs(signed) > abs(held):
            yield Failure("account_reducing", "The account only takes orders that reduce a position.", "side")


def _instrument(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    if rules.kind is InstrumentKind.INDEX:
        yield Failure("not_tradable", f"{rules.symbol} is an index: it is quoted and never traded.", "symbol")


def _quantity(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    if order.quantity % rules.lot_size:
        yield Failure("lot_size", f"The quantity must be a multiple of the lot, {rules.lot_size}.", "quantity")
    if rules.freeze_quantity is not None and order.quantity > rules.freeze_quantity:
        most = rules.freeze_quantity // rules.lot_size * rules.lot_size
        text = f"The exchange freezes orders above {rules.freeze_quantity}; send at most {most} in one order."
        yield Failure("freeze_quantity", text, "quantity")
    if order.disclosed_quantity:
        if rules.segment not in CASH:
            yield Failure("disclosed_quantity", "Derivatives have no disclosed quantity.", "disclosed_quantity")
        elif order.validity is Validity.IOC:
            yield Failure("disclosed_quantity", "An IOC order cannot hide quantity.", "disclosed_quantity")
        elif order.disclosed_quantity * 10 < order.quantity:
            yield Failure("disclosed_quantity", "At least a tenth must be disclosed.", "disclosed_quantity")


def _grid(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    for name, price in (("price", order.price), ("trigger_price", order.trigger_price)):
        if price is not None and not on_grid(price, rules.tick_size):
            yield Failure("tick_size", f"{price} is not a multiple of the tick, {rules.tick_size}.", name)


def _bands(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    lower = context.lower_band if context.lower_band is not None else rules.lower_band
    upper = context.upper_band if context.upper_band is not None else rules.upper_band
    for name, price in (("price", order.price), ("trigger_price", order.trigger_price)):
        if price is None:
            continue
        if lower is not None and price < lower:
            yield Failure("price_band", f"{price} is below today's lower limit, {lower}.", name)
        if upper is not None and price > upper:
            yield Failure("price_band", f"{price} is above today's upper limit, {upper}.", name)


def _type(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    day = context.at.astimezone(IST).date()
    if order.order_type is OrderType.SL_M:
        if rules.segment in _BSE and day >= _BSE_DROPPED_SL_M:
            yield Failure("sl_m_not_offered", "The BSE takes no SL-M orders; use SL with a limit.", "order_type")
        elif rules.segment is Segment.NFO and rules.kind is InstrumentKind.OPTION and day >= _NSE_DROPPED_OPTION_SL_M:
            yield Failure("sl_m_not_offered", "The NSE takes no SL-M orders on options; use SL.", "order_type")
    if order.validity is Validity.IOC:
        if order.is_stop:
            yield Failure("ioc_stop", "A stop order cannot be IOC: it waits for its trigger.", "validity")
        if rules.segment is Segment.MCX:
            yield Failure("ioc_not_offered", "The MCX takes no IOC orders from algorithms.", "validity")


def _stop(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    trigger = order.trigger_price
    if trigger is None:
        return
    if order.price is not None and (order.price < trigger if order.is_buy else order.price > trigger):
        worse = "at or above" if order.is_buy else "at or below"
        yield Failure("stop_limit_side", f"The limit must be {worse} the trigger.", "price")
    if context.last is not None and (trigger <= context.last if order.is_buy else trigger >= context.last):
        side = "above" if order.is_buy else "below"
        yield Failure("trigger_side", f"The trigger must be {side} the last price, {context.last}.", "trigger_price")


def _phase(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    hours = rules.hours(context.calendar)
    session = context.calendar.session_at(hours, context.at, cas_eligible=rules.cas_eligible)
    phase = Phase(session.kind.value) if session is not None else Phase.CLOSED
    if session is None or phase not in _ENTRY_PHASES:
        yield Failure("market_closed", f"{rules.segment} takes no orders now: {phase}.", "symbol")
        return
    if phase in (Phase.CONTINUOUS, Phase.SPECIAL):
        return
    if session.name in _SHUT_SESSIONS:
        yield Failure("auction_shut", f"The auction takes no orders while it is in {session.name}.", "symbol")
    if order.is_stop or order.validity is Validity.IOC or order.disclosed_quantity:
        text = "An auction takes no stop, IOC or disclosed-quantity orders."
        yield Failure("auction_order_type", text, "order_type")
    if session.name in _LIMIT_ONLY_SESSIONS and order.order_type is OrderType.MARKET:
        yield Failure("auction_limit_only", "The auction takes limit orders only by now.", "order_type")


def _product(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    if rules.segment in CASH:
        if order.product is Product.NRML:
            yield Failure("product", "NRML is for derivatives; use CNC or MIS.", "product")
        if order.product is Product.MIS and rules.trade_to_trade:
            yield Failure("trade_to_trade", f"{rules.symbol} trades for delivery only.", "product")
        if order.product is Product.CNC and order.side is Side.SELL and order.quantity > context.sellable:
            text = f"Only {context.sellable} can be sold for delivery; short selling needs MIS."
            yield Failure("insufficient_holdings", text, "quantity")
    elif order.product is Product.CNC:
        yield Failure("product", "CNC is for shares; use NRML or MIS.", "product")


def _freshness(order: Order, rules: InstrumentRules, context: CheckContext) -> Iterator[Failure]:
    if order.order_type is not OrderType.MARKET:
        return
    fresh = context.last is not None and context.last_at is not None
    if not fresh or (context.last_at is not None and context.at - context.last_at > context.stale_after):
        yield Failure("stale_price", "No recent price is known, so a market order cannot be protected.", "order_type")
