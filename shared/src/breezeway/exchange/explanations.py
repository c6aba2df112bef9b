"""Why an order did or did not fill: the rule that decided, and what the market looked like to it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from breezeway.exchange.market import Book


class Rule(StrEnum):
    """Stable names of the engine's rules; a client may branch on them."""

    TAKES_BOOK = "takes_book"
    TRADED_THROUGH = "traded_through"
    QUEUE_REACHED = "queue_reached"
    BOOK_CROSSED = "book_crossed"
    OPENING_GAP = "opening_gap"
    STOP_TRIGGERED = "stop_triggered"
    WAITS_FOR_PRICE = "waits_for_price"
    WAITS_IN_QUEUE = "waits_in_queue"
    WAITS_FOR_TRIGGER = "waits_for_trigger"
    WAITS_FOR_LIQUIDITY = "waits_for_liquidity"
    WAITS_FOR_MARKET = "waits_for_market"
    WAITS_FOR_AUCTION = "waits_for_auction"
    NOTHING_LEFT = "nothing_left"
    STALE_FEED = "stale_feed"
    HALTED = "halted"
    OUT_OF_BAND = "out_of_band"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision. `queue_ahead` is the displayed quantity in front of the order, None with its price out of sight."""

    rule: Rule
    text: str
    at: datetime
    last_price: Decimal | None
    last_trade_at: datetime | None
    book: Book
    queue_ahead: int | None
    remaining: int
