"""What the broker's sockets tell us, as frozen values.

Prices and turnover are floats in rupees, quantities are ints, times are epoch milliseconds UTC of the *exchange* event.
`None` means that the frame did not say; it never means zero. Orders carry `Decimal`, since they end in a ledger.

The tick types are named tuples, not frozen dataclasses: building one of 26 fields takes 0.5 µs instead of 3.2,
which was half of the whole decoding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

Right: TypeAlias = Literal["CE", "PE"]


class MalformedFrame(ValueError):
    """A frame that no rule explains. `reason` is short, stable and free of the frame's own text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DepthLevel(NamedTuple):
    """One price of one side of the book; `orders` is None where the exchange does not say."""

    price: float
    quantity: int
    orders: int | None


class DepthTick(NamedTuple):
    """The best prices of one instrument, best first. `room` is the depth room (`4.2!2885`)."""

    room: str
    token: str
    at_ms: int
    bids: tuple[DepthLevel, ...]
    asks: tuple[DepthLevel, ...]


class QuoteTick(NamedTuple):
    """One quote of one instrument, as of its last trade.

    `exchange` is what the form of the frame tells: NSE, BSE, NFO, BFO, CDS, MCX or GIFT. An index arrives as NSE or BSE
    with a name for a token (`NIFTY 50`) and without bid, ask, volume and bands. `turnover` is in rupees, and None where
    the frame gives a bare number (BFO), whose unit the broker does not document.
    """

    room: str
    token: str
    exchange: str
    last: float
    at_ms: int | None
    open: float | None
    high: float | None
    low: float | None
    previous_close: float | None
    change_percent: float | None
    bid: float | None
    bid_quantity: int | None
    ask: float | None
    ask_quantity: int | None
    last_quantity: int | None
    average_price: float | None
    volume: int | None
    total_buy_quantity: int | None
    total_sell_quantity: int | None
    turnover: float | None
    trend: str | None
    lower_circuit: float | None
    upper_circuit: float | None
    open_interest: int | None
    open_interest_change: int | None
    depth: DepthTick | None = None


@dataclass(frozen=True, slots=True)
class OhlcBar:
    """One bar of the broker's OHLC stream. `interval` is ours (`1s 1m 5m 30m`).

    `at_ms` is the time in the frame; the broker does not say which end of the bar it is, and we take it for the start.
    """

    exchange: str
    broker_code: str
    interval: str
    at_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    open_interest: int | None
    expiry: date | None
    strike: Decimal | None
    right: Right | None


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """One change of one order of the logged-in user, whichever channel it was placed by.

    `status`, `action`, `order_type`, `validity` and `product` are the broker's words (`Ordered`, `Buy`, `Limit`, `Day`,
    `Cash`); an unknown letter is kept as it came. Prices are rupees.
    """

    segment: Literal["cash", "fno"]
    user_id: str
    account: str
    sequence: str
    at_ms: int | None
    exchange: str
    broker_code: str
    reference: str
    action: str
    order_type: str
    validity: str
    product: str
    status: str
    limit_price: Decimal | None
    stop_loss_price: Decimal | None
    average_price: Decimal | None
    quantity: int
    executed_quantity: int
    cancelled_quantity: int
    expired_quantity: int
    open_quantity: int | None
    disclosed_quantity: int | None
    order_date: date | None
    trade_date: date | None
    valid_until: date | None
    channel: str
    expiry: date | None
    strike: Decimal | None
    right: Right | None
    stop_loss_reference: str | None
    acknowledgement: str | None
    blocked_amount: Decimal | None
    change_flag: str | None


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation of ICICI's research rooms, field by field under the SDK's names. It is not market data."""

    room: Literal["one_click_fno", "i_click_2_gain"]
    fields: Mapping[str, str]


BreezeEvent: TypeAlias = QuoteTick | DepthTick | OhlcBar | OrderUpdate | Advice
