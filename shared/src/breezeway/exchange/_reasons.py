"""Why a working order has filled or not, in the words of the rule that decided."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from breezeway.exchange._working import Working
from breezeway.exchange.explanations import Rule
from breezeway.exchange.market import Book, MarketTick
from breezeway.exchange.orders import EventKind, OrderEvent

FILLED: Final[Mapping[Rule, str]] = {
    Rule.TAKES_BOOK: "it took what was displayed.",
    Rule.OPENING_GAP: "it met the opening book.",
    Rule.TRADED_THROUGH: "the market traded through its price.",
    Rule.QUEUE_REACHED: "trades at its price reached it in the queue.",
    Rule.BOOK_CROSSED: "the other side of the book came to its price.",
}


def reason(work: Working, tick: MarketTick | None, book: Book) -> tuple[Rule, str]:
    """Why `work` waits in an open market with a fresh feed."""
    order = work.order
    if work.armed:
        direction = "rise" if work.buy else "fall"
        last = f"; the last price is {tick.ltp}" if tick is not None else ""
        return Rule.WAITS_FOR_TRIGGER, f"The price must {direction} to {order.trigger_price} first{last}."
    opposite = book.asks if work.buy else book.bids
    if work.price is None or not work.passive:
        return Rule.WAITS_FOR_LIQUIDITY, "All that is displayed at its price or better is taken; it waits for more."
    if work.ahead:
        return Rule.WAITS_IN_QUEUE, f"{work.ahead} were displayed at {work.price} before it and must trade first."
    if opposite:
        name = "ask" if work.buy else "bid"
        text = f"The best {name} is {opposite[0].price}; the order waits at {work.price}."
        return Rule.WAITS_FOR_PRICE, text
    name = "sells" if work.buy else "buys"
    return Rule.WAITS_FOR_LIQUIDITY, f"Nobody {name}: the other side of the book is empty."


def refused(order_id: str, at: datetime, code: str, text: str) -> OrderEvent:
    """A modification that the exchange does not make."""
    return OrderEvent(order_id, EventKind.MODIFY_REJECT, at, code, text)
