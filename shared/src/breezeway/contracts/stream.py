"""The stream's channels and messages (`/ws/v1/stream`), from the process that makes them to the client that reads them.

A message is encoded once, by whoever makes it, into the bytes that every client receives. Times in messages are epoch
milliseconds UTC, except a candle's `t`, which is epoch seconds like everywhere else.
"""

from dataclasses import dataclass
from enum import StrEnum

import orjson

from breezeway.errors import InvalidInput
from breezeway.intervals import Interval, parse_interval


class ChannelKind(StrEnum):
    TICK = "tick"
    DEPTH = "depth"
    CANDLE = "candle"
    FEED = "feed"
    ORDERS = "orders"
    NOTIFICATIONS = "notifications"
    BACKFILLS = "backfills"


MARKET_KINDS = frozenset({ChannelKind.TICK, ChannelKind.DEPTH, ChannelKind.CANDLE})
"""Channels that carry an instrument and come from a feed."""

PRIVATE_KINDS = frozenset({ChannelKind.ORDERS, ChannelKind.NOTIFICATIONS, ChannelKind.BACKFILLS})
"""Channels of which every user has one of their own."""


DURABLE_KINDS = frozenset({ChannelKind.ORDERS, ChannelKind.NOTIFICATIONS})
"""Private channels whose messages carry `offset` and `epoch`, and of which a client can ask for what it missed."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A parsed channel name: `tick:NSE:RELIANCE`, `candle:1m:NSE:RELIANCE`, `orders`."""

    kind: ChannelKind
    symbol: str | None = None
    interval: Interval | None = None

    @classmethod
    def parse(cls, name: str) -> "Channel":
        """Read a channel name as a client sends it; the symbol may still be an alias.

        Raises:
            InvalidInput: `invalid_channel`.
        """
        head, _, rest = name.partition(":")
        try:
            kind = ChannelKind(head)
        except ValueError as error:
            raise InvalidInput(f"There is no channel {name[:80]!r}.", code="invalid_channel") from error
        if kind not in MARKET_KINDS:
            if rest:
                raise InvalidInput(f"The channel {head} takes no symbol.", code="invalid_channel")
            return cls(kind)
        interval = None
        if kind is ChannelKind.CANDLE:
            text, _, rest = rest.partition(":")
            interval = parse_interval(text)
        if not rest or len(rest) > 64:
            raise InvalidInput(f"The channel {head} needs a symbol: {head}:NSE:RELIANCE", code="invalid_channel")
        return cls(kind, rest, interval)

    @property
    def name(self) -> str:
        parts = [self.kind.value]
        if self.interval is not None:
            parts.append(self.interval.value)
        if self.symbol is not None:
            parts.append(self.symbol)
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class TickMessage:
    """The newest quote of an instrument. `ltt` is the exchange's time, `ts` ours, both epoch milliseconds.

    `ltp` is what the broker sends; 0 means that the instrument has not traded today.
    """

    symbol: str
    seq: int
    ltp: float
    ltq: int | None
    ltt: int
    bid: float | None
    bid_qty: int | None
    ask: float | None
    ask_qty: int | None
    open: float | None
    high: float | None
    low: float | None
    prev_close: float | None
    change_pct: float | None
    volume: int | None
    avg_price: float | None
    oi: int | None
    buy_qty: int | None
    sell_qty: int | None
    lower_band: float | None
    upper_band: float | None
    ts: int
    type: str = "tick"


@dataclass(frozen=True, slots=True)
class DepthMessage:
    """Five levels a side: `[price, quantity, orders]`, best first."""

    symbol: str
    seq: int
    bids: list[tuple[float, int, int]]
    asks: list[tuple[float, int, int]]
    ts: int
    type: str = "depth"


@dataclass(frozen=True, slots=True)
class CandleMessage:
    """A forming (`closed` false) or finished bar, labelled by its start in epoch seconds."""

    symbol: str
    interval: str
    t: int
    o: float
    h: float
    l: float  # noqa: E741 - the contract's name
    c: float
    v: int
    oi: int | None
    closed: bool
    type: str = "candle"


@dataclass(frozen=True, slots=True)
class GapMessage:
    """Messages of an instrument may be missing between two moments (epoch milliseconds)."""

    symbol: str
    start: int
    end: int
    reason: str

    def encode(self) -> bytes:
        # `from` is a keyword in Python, so this one message is spelled by hand.
        return orjson.dumps(
            {"type": "gap", "symbol": self.symbol, "from": self.start, "to": self.end, "reason": self.reason}
        )


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """What the feed's owner says of itself."""

    state: str
    reason: str | None
    ts: int
    type: str = "feed"


@dataclass(frozen=True, slots=True)
class BrokerOrderMessage:
    """The broker's own word on an order of any origin, in the durable channel `orders`.

    Prices are decimal strings in rupees, `at` is epoch milliseconds, words are in lower case as the broker uses them.
    """

    broker_order_id: str
    at: int | None
    exchange: str
    broker_code: str
    expiry: str | None
    right: str | None
    side: str
    order_type: str
    validity: str
    product: str
    status: str
    price: str | None
    trigger_price: str | None
    average_price: str | None
    strike: str | None
    quantity: int
    filled_quantity: int
    cancelled_quantity: int
    expired_quantity: int
    placed_by: str
    type: str = "broker_order"


@dataclass(frozen=True, slots=True)
class ClosingMessage:
    """The last message before the server goes away: come back after `retry_after_ms`, which is everybody's own."""

    code: int
    reason: str
    retry_after_ms: int
    type: str = "closing"


Message = TickMessage | DepthMessage | CandleMessage | FeedMessage | BrokerOrderMessage | ClosingMessage


def encode(message: Message) -> bytes:
    """The JSON bytes that clients receive."""
    return orjson.dumps(message)
