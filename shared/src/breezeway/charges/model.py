"""The words of charges: kinds of trade, executed trades, and the contract note that itemises what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from breezeway.errors import InvalidInput
from breezeway.money import ZERO, amount


class TradeKind(StrEnum):
    """How the tax sees a trade.

    `exercise` is an option held to expiry in the money: its price is the intrinsic value and its side `buy`, because
    the holder pays. `physical` is the delivery of shares that settles a stock derivative.
    """

    DELIVERY = "delivery"
    INTRADAY = "intraday"
    FUTURE = "future"
    OPTION = "option"
    EXERCISE = "exercise"
    PHYSICAL = "physical"


class Charge(StrEnum):
    """A line of a contract note, in the order in which it is printed."""

    BROKERAGE = "brokerage"
    AUTO_SQUARE_OFF = "auto_square_off"
    CALL_AND_TRADE = "call_and_trade"
    TRANSACTION = "transaction"
    IPFT = "ipft"
    SEBI = "sebi"
    DP = "dp"
    GST = "gst"
    STT = "stt"
    CTT = "ctt"
    STAMP = "stamp"


@dataclass(frozen=True, slots=True)
class ChargeTrade:
    """One execution.

    Args:
        exchange: NSE, BSE, NFO, BFO, CDS or MCX.
        side: `buy` or `sell`.
        quantity: units (not lots), positive.
        price: rupees a unit; the premium of an option.
        lot_size: units a lot, for plans that charge by the lot.
        group: the BSE group, or the underlying of a derivative: what a rate may be restricted to.
        auto_square_off: the broker closed it, which costs extra once an order.
        call_and_trade: placed by telephone, likewise.
    """

    trade_id: str
    order_id: str
    symbol: str
    exchange: str
    kind: TradeKind
    side: str
    quantity: int
    price: Decimal
    lot_size: int = 1
    group: str = ""
    auto_square_off: bool = False
    call_and_trade: bool = False

    def __post_init__(self) -> None:
        amount(self.price)
        if self.side not in ("buy", "sell"):
            raise InvalidInput(f"A trade's side is buy or sell, not {self.side!r}.", code="invalid_trade")
        if self.quantity <= 0 or self.lot_size <= 0 or self.price < 0:
            raise InvalidInput("A trade needs a positive quantity and lot and a price.", code="invalid_trade")

    @property
    def turnover(self) -> Decimal:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class NoteLeg:
    """One trade of a note: `exact` before rounding, `charged` as its share of the lines, in paise that add up."""

    trade: ChargeTrade
    exact: Mapping[Charge, Decimal]
    charged: Mapping[Charge, Decimal]

    @property
    def total(self) -> Decimal:
        return sum(self.charged.values(), ZERO)


@dataclass(frozen=True, slots=True)
class ContractNote:
    """A day's trades and what they cost. `net` is what the account receives (negative: pays)."""

    day: date
    plan: str
    table_version: str
    legs: tuple[NoteLeg, ...]
    lines: Mapping[Charge, Decimal]

    @property
    def charges(self) -> Decimal:
        return sum(self.lines.values(), ZERO)

    @property
    def gross(self) -> Decimal:
        """Sales less purchases, before charges; an exercise moves no money here, its settlement does."""
        signed = (
            leg.trade.turnover if leg.trade.side == "sell" else -leg.trade.turnover
            for leg in self.legs
            if leg.trade.kind not in (TradeKind.EXERCISE, TradeKind.FUTURE)
        )
        return sum(signed, ZERO)

    @property
    def net(self) -> Decimal:
        return self.gross - self.charges
