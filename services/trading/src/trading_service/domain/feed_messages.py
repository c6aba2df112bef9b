"""Stream messages as the matching engine sees them.

The event time of a quote is when it was received, on the exchange's clock: an instrument that is quoted but not traded
has an old last trade and a fresh market all the same.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from breezeway.clock import ClockMapping
from breezeway.exchange.market import Book, Depth, Level, MarketTick, quoted_price


def tick_of(message: Mapping[str, Any], clock: ClockMapping) -> MarketTick | None:
    """A `tick` message; None when it has no price, as before an instrument's first trade of the day.

    A price of 0 would trigger every sell stop, halt the market for a fallen index and leave a market sell unprotected.
    """
    last = _price(message["ltp"])
    if last is None:
        return None
    return MarketTick(
        at=_at(message, clock),
        ltp=last,
        volume=message.get("volume"),
        last_quantity=message.get("ltq"),
        bid=_price(message.get("bid")),
        bid_quantity=message.get("bid_qty"),
        ask=_price(message.get("ask")),
        ask_quantity=message.get("ask_qty"),
        lower_band=_price(message.get("lower_band")),
        upper_band=_price(message.get("upper_band")),
    )


def depth_of(message: Mapping[str, Any], clock: ClockMapping) -> Depth:
    """A `depth` message."""
    return Depth(_at(message, clock), Book(_levels(message["bids"]), _levels(message["asks"])))


def _levels(rows: list[list[float]]) -> tuple[Level, ...]:
    return tuple(Level(quoted_price(row[0]), int(row[1])) for row in rows if row[1] > 0)


def _price(value: float | None) -> Decimal | None:
    # A feed writes 0 where it has no price.
    return quoted_price(value) if value else None


def _at(message: Mapping[str, Any], clock: ClockMapping) -> datetime:
    return clock.at(datetime.fromtimestamp(message["ts"] / 1000, UTC))
