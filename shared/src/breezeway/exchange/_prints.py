"""How much of what was traded counts for an order, when a tick stands for many trades.

A tick tells the day's volume so far, so the difference from the tick before is what was traded between them, at prices
of which only the last is known. If that price is the same as before, all of it is taken as traded there; if it moved,
only the last trade is. For an order that came in between, or after silence, likewise only the last trade counts: the
rest may have happened before it was there, or at another price.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from breezeway.exchange.market import MarketTick


@dataclass(frozen=True, slots=True)
class Print:
    """What a tick tells of trading. `between` is None when the feed states no volume."""

    between: int | None
    last: int
    moved: bool
    since: datetime | None
    """The tick before; None when there is none that this one can be compared with."""

    def through(self, accepted: datetime) -> int | None:
        """Quantity that can have met an order which this print went through; None is without limit."""
        if self.between is None:
            return None if self.moved else 0
        if self.since is None or accepted > self.since:
            return min(self.between, self.last)
        return self.between

    def touch(self, accepted: datetime) -> int:
        """Quantity traded at the price of this print, as far as an order at that price may count on it."""
        if self.between is None:
            return self.last if self.moved else 0
        if self.moved or self.since is None or accepted > self.since:
            return min(self.between, self.last)
        return self.between


def print_of(tick: MarketTick, before: MarketTick | None, *, silence: timedelta, lost: bool) -> Print:
    """What `tick` tells, given the tick before it."""
    last = tick.last_quantity or 0
    if before is None:
        return Print(None if tick.volume is None else last, last, moved=True, since=None)
    since = None if lost or tick.at - before.at > silence else before.at
    between = None if tick.volume is None or before.volume is None else max(0, tick.volume - before.volume)
    return Print(between, last, moved=tick.ltp != before.ltp, since=since)
