"""What the REST client takes and gives: frozen; times are aware, market prices floats, ledger money Decimal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

from breezeway.breeze.events import Right

if TYPE_CHECKING:  # NumPy is nothing that who signs a customer in should have to load
    from breezeway.candles.columns import Candles

Interval: TypeAlias = Literal["1s", "1m", "5m", "30m", "1d"]
"""Bar lengths that the broker answers; v1 history has no `1s`."""


@dataclass(frozen=True, slots=True)
class BreezeCredentials:
    """What a signed call needs. The secrets stay out of `repr`."""

    api_key: str
    api_secret: str = field(repr=False)
    user_id: str
    session_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BrokerProfile:
    """What the broker says of its customer. `segments` and `exchange_status` are its own letters, by its own names."""

    user_id: str
    user_name: str
    last_login: datetime | None
    segments: Mapping[str, str]
    exchange_status: Mapping[str, str]
    trade_dates: Mapping[str, date]


@dataclass(frozen=True, slots=True)
class BrokerLogin:
    """A fresh session, valid until midnight in India. `user_id` and `session_key` also open the sockets."""

    user_id: str
    session_key: str = field(repr=False)
    user_name: str
    profile: BrokerProfile


@dataclass(frozen=True, slots=True)
class BrokerInstrument:
    """An instrument as REST calls name it: `exchange` is ours (`NSE_INDEX`, `CDS`…), `broker_code` is ICICI's."""

    exchange: str
    broker_code: str
    kind: Literal["equity", "index", "future", "option"]
    expiry: date | None = None
    strike: Decimal | None = None
    right: Right | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Bars in ascending order, each once; a day bar's start is midnight in India.

    `refused` counts rows that made no sense; `truncated` says that the answer was as long as an answer may be, so that
    bars of the asked span may be missing at either end.
    """

    candles: "Candles"
    refused: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class BrokerQuote:
    """A quote, or one row of an option chain. `at` is the last trade's time, None when there was none; prices of 0 that
    mean "none" are None."""

    exchange: str
    broker_code: str
    expiry: date | None
    strike: Decimal | None
    right: Right | None
    last: float | None
    at: datetime | None
    bid: float | None
    bid_quantity: int
    ask: float | None
    ask_quantity: int
    open: float | None
    high: float | None
    low: float | None
    previous_close: float | None
    change_percent: float | None
    upper_circuit: float | None
    lower_circuit: float | None
    volume: int
    spot: float | None
    open_interest: int | None
    open_interest_change: int | None


@dataclass(frozen=True, slots=True)
class Funds:
    """Rupees. `bank_account` shows its last four digits only."""

    bank_account: str
    total_bank_balance: Decimal
    unallocated_balance: Decimal
    allocated: Mapping[str, Decimal]
    blocked: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares in the demat account; prices and profits are there when the portfolio knows the share."""

    broker_code: str
    isin: str | None
    quantity: int
    available_quantity: int
    blocked_quantity: int
    average_price: Decimal | None
    current_price: Decimal | None
    realized_profit: Decimal | None
    unrealized_profit: Decimal | None


@dataclass(frozen=True, slots=True)
class Position:
    """One open or closed position of the day, in the broker's words."""

    segment: str
    product: str
    exchange: str
    broker_code: str
    expiry: date | None
    strike: Decimal | None
    right: Right | None
    action: str
    quantity: int
    average_price: Decimal
    last_price: Decimal | None
    profit: Decimal | None
    underlying: str | None
