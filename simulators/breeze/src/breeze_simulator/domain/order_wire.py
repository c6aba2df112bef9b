"""How order, trade and GTT calls spell their arguments and rows.

Numbers are mostly strings (`"price":"420.00"`), but a strike is a number; an absent contract member is null. Callers
compare these types, so they are not tidied up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from breeze_simulator.domain import wire
from breeze_simulator.domain.broker_orders import BrokerOrder
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.wire import ContractQuery, Row
from breezeway.clock import IST
from breezeway.exchange.orders import OrderType, Side, Validity

PRODUCTS: Final[Mapping[str, str]] = {
    "cash": "Cash",
    "btst": "BTST",
    "mtf": "MTF",
    "futures": "Futures",
    "options": "Options",
}
PROHIBITED: Final = frozenset({"margin", "optionplus", "futureplus", "futureplus_stopless", "eatm"})
"""Products whose orders may not come through the API since 2026-04-01."""

VALIDITIES: Final[Mapping[str, tuple[str, Validity]]] = {
    "day": ("Day", Validity.DAY),
    "ioc": ("IoC", Validity.IOC),
    "vtc": ("VTC", Validity.DAY),
}

BAD_TYPE: Final = "Invalid Market/Limit indicator:"
BAD_ACTION: Final = "Action should be either 'buy', or 'sell'"
BAD_PRODUCT: Final = "Product should be either 'futures', 'options', 'cash', 'btst' or 'mtf'"
NO_PRODUCT: Final = "Margin and OptionPlus orders are not allowed through API."
NO_MTF_SALE: Final = "SELL action is not allowed for MTF product type. "
BAD_VALIDITY: Final = "Validity should be either 'day', 'ioc', or 'vtc'"
BAD_QUANTITY: Final = "Invalid quantity."
BAD_PRICE: Final = "Invalid price."

_PAISA: Final = Decimal("0.01")
_FINEST: Final = Decimal("0.0001")
_LARGEST: Final = Decimal(10**9)


class BadField(ValueError):
    """A member of a request that the broker refuses; the text is what it says."""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a client asks to be placed. `price` is None for nothing but a limit that was left out."""

    query: ContractQuery
    product: str
    side: Side
    order_type: OrderType
    quantity: int
    price: Decimal
    trigger_price: Decimal | None
    validity: Validity
    validity_text: str
    disclosed_quantity: int
    validity_date: str
    user_remark: str
    squares_off: bool = False


def parse_order(fields: Mapping[str, object], *, squares_off: bool = False) -> OrderRequest:
    """Read the body of a placement or of a square-off, which spells two members differently.

    Raises:
        BadField: in the broker's words.
    """
    given = text_of(fields, "product_type" if squares_off else "product").lower()
    if given in PROHIBITED:
        raise BadField(NO_PRODUCT)
    query = wire.parse_contract({**fields, "product_type": given})
    product = PRODUCTS.get(given)
    derivative = query.exchange in wire.DERIVATIVE_EXCHANGES
    if product is None or derivative != (given in ("futures", "options")):
        raise BadField(BAD_PRODUCT)
    side = parse_side(text_of(fields, "action"))
    if given == "mtf" and side is Side.SELL:
        raise BadField(NO_MTF_SALE)
    trigger = parse_price(fields, "stoploss_price" if squares_off else "stoploss")
    order_type = parse_type(text_of(fields, "order_type"), trigger)
    price = parse_price(fields, "price")
    if not price:
        raise BadField(BAD_PRICE)
    validity = VALIDITIES.get(text_of(fields, "validity").lower())
    if validity is None:
        raise BadField(BAD_VALIDITY)
    return OrderRequest(
        query=query,
        product=product,
        side=side,
        order_type=order_type,
        quantity=parse_quantity(fields, "quantity"),
        price=price,
        trigger_price=trigger or None,
        validity=validity[1],
        validity_text=validity[0],
        disclosed_quantity=parse_quantity(fields, "disclosed_quantity", least=0),
        validity_date=text_of(fields, "validity_date") if validity[0] == "VTC" else "",
        user_remark=text_of(fields, "user_remark")[:100],
        squares_off=squares_off,
    )


def parse_side(text: str) -> Side:
    match text.lower():
        case "buy":
            return Side.BUY
        case "sell":
            return Side.SELL
        case _:
            raise BadField(BAD_ACTION)


def parse_type(text: str, trigger: Decimal | None) -> OrderType:
    """`limit` without a trigger or `stoploss` with one; the API takes no market orders since 2026-04-01."""
    match text.lower(), bool(trigger):
        case "limit", False:
            return OrderType.LIMIT
        case "stoploss", True:
            return OrderType.SL
        case _:
            raise BadField(BAD_TYPE)


def parse_price(fields: Mapping[str, object], name: str) -> Decimal | None:
    """A price as a number or as text; None when it is blank. The SDK sends what its float arithmetic left."""
    text = text_of(fields, name)
    if not text:
        return None
    try:
        value = Decimal(text)
        if not value.is_finite() or not 0 <= value < _LARGEST:
            raise BadField(BAD_PRICE)
        return value.quantize(_FINEST, ROUND_HALF_UP).normalize() + 0
    except InvalidOperation as error:
        raise BadField(BAD_PRICE) from error


def parse_quantity(fields: Mapping[str, object], name: str, *, least: int = 1) -> int:
    """Units as a number or as text; 0 where blank and allowed."""
    text = text_of(fields, name) or "0"
    if not text.isascii() or not text.isdigit() or not least <= int(text[:12]) < _LARGEST or len(text) > 10:
        raise BadField(BAD_QUANTITY)
    return int(text)


def parse_days(fields: Mapping[str, object]) -> tuple[date, date]:
    """The dates between which a list is asked for; without one, everything on that side."""
    first = wire.parse_moment(text_of(fields, "from_date"))
    last = wire.parse_moment(text_of(fields, "to_date"))
    return (first.date() if first else date.min, last.date() if last else date.max)


def order_row(order: BrokerOrder, *, shows_remark: bool) -> Row:
    """A row of `order`, of its detail and of its list alike."""
    terms, record = order.order, order.record
    average = record.average_price
    return {
        "order_id": order.order_id,
        "exchange_order_id": None,
        "exchange_code": order.instrument.exchange,
        "stock_code": order.instrument.stock_code,
        "product_type": order.product,
        "action": action_text(terms.side),
        "order_type": "StopLoss" if terms.is_stop else "Limit",
        "stoploss": money(terms.trigger_price or Decimal(0)),
        "quantity": str(terms.quantity),
        "price": money(terms.price or Decimal(0)),
        "validity": order.validity,
        "disclosed_quantity": str(terms.disclosed_quantity),
        **_contract(order.instrument),
        "average_price": "0" if average is None else money(average),
        "cancelled_quantity": str(order.cancelled + order.expired),
        "pending_quantity": str(order.pending),
        "status": order.status.value,
        "user_remark": order.user_remark if shows_remark else "",
        "order_datetime": order.placed_at.astimezone(IST).strftime("%d-%b-%Y %H:%M"),
        "parent_order_id": None,
        "modification_number": str(order.modifications) if order.modifications else None,
        **dict.fromkeys(("exchange_acknowledgement_date", "SLTP_price", "exchange_acknowledge_number")),
        # The broker's own spelling, and its order of members.
        **dict.fromkeys(("initial_limit", "intial_sltp", "LTP", "limit_offset", "mbc_flag", "cutoff_price")),
        "validity_date": order.validity_date,
    }


def trade_row(order: BrokerOrder, ltp: float, brokerage: Decimal, taxes: Decimal) -> Row:
    """A row of `trades`: all executions of one order together."""
    first = order.trades[0].at.astimezone(IST)
    return {
        "book_type": "Trade-Book",
        "trade_date": first.strftime("%d-%b-%Y"),
        "stock_code": order.instrument.stock_code,
        "action": action_text(order.order.side),
        "quantity": str(order.record.filled),
        "average_cost": money(order.record.average_price or Decimal(0)),
        "brokerage_amount": money(brokerage),
        "product_type": order.product,
        "exchange_code": order.instrument.exchange,
        "order_id": order.order_id,
        "segment": "F" if order.instrument.is_derivative else "M",
        "settlement_code": first.strftime("%Y%j"),
        "dp_id": "IN1234566",
        "client_id": "12345678",
        "ltp": f"{ltp:.2f}",
        "eatm_withheld_amount": "0.00",
        "cash_withheld_amount": "0.00",
        "total_taxes": money(taxes),
        "order_type": "StopLoss" if order.order.is_stop else "Limit",
        **_contract(order.instrument, blank_strike=None),
    }


def trade_detail_rows(order: BrokerOrder) -> list[Row]:
    """Rows of `trades` with an order id: one an execution."""
    return [
        {
            "settlement_id": trade.at.astimezone(IST).strftime("%Y%j"),
            "exchange_trade_id": trade.exchange_trade_id,
            "executed_quantity": str(trade.quantity),
            "action": "B" if order.order.is_buy else "S",
            "total_transaction_cost": "0",
            "brokerage_amount": "0",
            "taxes": "0",
            "eatm_withheld_amount": "0",
            "cash_withheld_amount": "0",
            "execution_price": wire.plain(float(trade.price)),
            "stock_code": order.instrument.stock_code,
            "exchange_code": order.instrument.exchange,
            "trade_id": trade.trade_id,
            "exchange_trade_time": trade.at.astimezone(IST).strftime("%d-%b-%Y %H:%M:%S"),
        }
        for trade in order.trades
    ]


def action_text(side: Side) -> str:
    return "Buy" if side is Side.BUY else "Sell"


def money(value: Decimal) -> str:
    """Rupees with two digits: `420.00`."""
    return str(value.quantize(_PAISA, ROUND_HALF_UP))


def wanted(orders: Sequence[BrokerOrder], exchange: str, days: tuple[date, date]) -> list[BrokerOrder]:
    """Those of an exchange that were placed between two days, newest first."""
    return [
        order
        for order in reversed(orders)
        if order.instrument.exchange == exchange and days[0] <= _day(order.placed_at) <= days[1]
    ]


def text_of(fields: Mapping[str, object], name: str) -> str:
    """A member as text, blank where it is absent."""
    value = fields.get(name)
    return "" if value is None else str(value).strip()


def _contract(instrument: Instrument, blank_strike: float | None = 0.0) -> Row:
    if not instrument.is_derivative:
        return {"expiry_date": None, "right": None, "strike_price": blank_strike}
    return {
        "expiry_date": wire.expiry_text(instrument.expiry),
        "right": wire.right_text(instrument),
        "strike_price": float(instrument.strike or 0.0),
    }


def _day(moment: datetime) -> date:
    return moment.astimezone(IST).date()
