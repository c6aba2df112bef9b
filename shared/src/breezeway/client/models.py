"""What the API answers. Prices are numbers in market data and `Decimal` in the master and at the broker; fields that a
newer server adds are ignored.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from breezeway.contracts.backfills import BackfillErrorView as BackfillError
from breezeway.contracts.backfills import BackfillView as Backfill
from breezeway.contracts.instruments import Instrument, InstrumentDetail, InstrumentType, Right
from breezeway.errors import UpstreamFault

__all__ = [
    "ApiKey",
    "Backfill",
    "BackfillError",
    "BrokerAccount",
    "BrokerSession",
    "ChainLeg",
    "ChainStrike",
    "Coverage",
    "CoverageDay",
    "CreatedApiKey",
    "FeedGap",
    "FeedStatus",
    "Funds",
    "Holding",
    "IndicatorInfo",
    "IndicatorParameter",
    "Instrument",
    "InstrumentDetail",
    "InstrumentType",
    "MarketStatus",
    "OptionChain",
    "Page",
    "Position",
    "Quote",
    "Right",
    "SegmentFunds",
    "SegmentStatus",
    "User",
    "Watchlist",
    "decode",
]

T = TypeVar("T")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Page(_Answer, Generic[T]):
    """A part of a list; `next` gets the following part."""

    items: list[T]
    next: str | None = None


class User(_Answer):
    """Who is signed in."""

    id: UUID
    email: str
    full_name: str | None = None
    role: str
    created_at: datetime


class ApiKey(_Answer):
    """An API key without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: Sequence[str]
    allowed_ips: Sequence[str] = ()
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    last_used_ip: str | None = None


class CreatedApiKey(ApiKey):
    """A new API key with its secret, which is shown this once."""

    key: str = Field(repr=False)


class Quote(_Answer):
    """The newest quote; `ltt` is the exchange's time and `ts` the server's, both epoch milliseconds."""

    symbol: str
    ltp: float
    age_ms: int
    ts: int
    ltt: int | None = None
    seq: int | None = None
    ltq: int | None = None
    bid: float | None = None
    bid_qty: int | None = None
    ask: float | None = None
    ask_qty: int | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    prev_close: float | None = None
    change_pct: float | None = None
    volume: int | None = None
    avg_price: float | None = None
    oi: int | None = None
    buy_qty: int | None = None
    sell_qty: int | None = None
    lower_band: float | None = None
    upper_band: float | None = None


class ChainLeg(_Answer):
    """One option. `iv` is a fraction a year; `theta` per day, `vega` per point of volatility."""

    symbol: str
    lot_size: int
    ltp: float | None = None
    bid: float | None = None
    ask: float | None = None
    volume: int | None = None
    oi: int | None = None
    oi_change: int | None = None
    prev_close: float | None = None
    iv: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    live: bool = False


class ChainStrike(_Answer):
    """The call and the put of one strike."""

    strike: float
    call: ChainLeg | None = None
    put: ChainLeg | None = None


class OptionChain(_Answer):
    """All strikes of one expiry."""

    underlying: str
    exchange: str
    expiry: date
    expires_at: datetime
    days_to_expiry: float
    as_of: datetime
    spot: float | None = None
    forward: float | None = None
    atm: float | None = None
    pcr: float | None = None
    pcr_volume: float | None = None
    max_pain: float | None = None
    rate: float = 0.0
    strikes: Sequence[ChainStrike]

    def rows(self) -> list[dict[str, Any]]:
        """One dict an option, with its `strike` and `right`: what a DataFrame is made from."""
        return [
            {"strike": each.strike, "right": right.value, **leg.model_dump()}
            for each in self.strikes
            for right, leg in ((Right.CALL, each.call), (Right.PUT, each.put))
            if leg is not None
        ]


class IndicatorParameter(_Answer):
    name: str
    default: float
    minimum: float
    maximum: float
    whole: bool = False


class IndicatorInfo(_Answer):
    """An indicator that `candles(indicators=…)` understands: `name:parameter:parameter`."""

    name: str
    title: str
    parameters: Sequence[IndicatorParameter]
    outputs: Sequence[str]
    overlay: bool


class CoverageDay(_Answer):
    """`state` is complete, partial, missing, holiday or not_listed."""

    day: date
    state: str
    reason: str | None = None
    bars: int
    expected: int


class Coverage(_Answer):
    """Day by day what is stored."""

    symbol: str
    interval: str
    days: Sequence[CoverageDay]


class Watchlist(_Answer):
    id: UUID
    name: str
    symbols: Sequence[str]
    created_at: datetime
    updated_at: datetime


class BrokerAccount(_Answer):
    """An account at the broker. Its secret is never shown; the API key only in part."""

    id: UUID
    broker: str = "breeze"
    label: str
    api_key: str
    environment: str
    created_at: datetime
    updated_at: datetime


class BrokerSession(_Answer):
    """`state` is disconnected, connecting, active, expired, rejected or revoked."""

    account_id: UUID
    state: str
    detail: str | None = None
    connected_at: datetime | None = None
    expires_at: datetime | None = None
    user_name: str | None = None
    calls_left_minute: int | None = None
    calls_left_today: int | None = None


class SegmentFunds(_Answer):
    """Rupees."""

    allocated: Decimal
    blocked: Decimal


class Funds(_Answer):
    """Rupees at the broker."""

    bank_account: str
    total_bank_balance: Decimal
    unallocated_balance: Decimal
    segments: Mapping[str, SegmentFunds]


class Holding(_Answer):
    broker_code: str
    isin: str | None = None
    quantity: Decimal
    available_quantity: Decimal
    blocked_quantity: Decimal
    average_price: Decimal | None = None
    current_price: Decimal | None = None
    realized_profit: Decimal | None = None
    unrealized_profit: Decimal | None = None


class Position(_Answer):
    broker_code: str
    exchange: str
    segment: str
    product: str
    action: str
    quantity: Decimal
    average_price: Decimal
    last_price: Decimal | None = None
    profit: Decimal | None = None
    underlying: str | None = None
    expiry: date | None = None
    strike: Decimal | None = None
    right: str | None = None


class FeedGap(_Answer):
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    reason: str


class FeedStatus(_Answer):
    """The feed that serves the user's stream."""

    feed: str | None = None
    owner: str | None = None
    state: str
    reason: str | None = None
    fence: int | None = None
    connected_at: datetime | None = None
    since: datetime | None = None
    rooms: int = 0
    subscriptions: int = 0
    ticks_per_second: float = 0.0
    age_ms: int | None = None
    last_gap: FeedGap | None = None


class SegmentStatus(_Answer):
    segment: str
    phase: str
    session: str | None = None
    is_trading_day: bool
    day_name: str | None = None
    next_open: datetime
    next_close: datetime


class MarketStatus(_Answer):
    """The exchange's clock, which is not the wall clock while the simulator replays a day."""

    exchange_time: datetime
    replay: bool
    speed: float
    calendar_version: str
    segments: Sequence[SegmentStatus]


def decode(kind: type[T], content: bytes) -> T:
    """An answer of the server.

    Raises:
        UpstreamFault: `unexpected_answer`, it does not fit: another version, or another server.
    """
    try:
        return TypeAdapter(kind).validate_json(content)
    except ValueError as error:
        raise UpstreamFault(
            f"The server's answer is no {getattr(kind, '__name__', 'answer')} as this client knows it. "
            "Do client and server have the same version?",
            code="unexpected_answer",
        ) from error
