"""Which markets are halted: the breakers of each feed, fed with its index ticks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from breezeway.clock import IST
from breezeway.exchange.breakers import Breakers, BreakerTable, Halt
from breezeway.exchange.market import MarketTick, quoted_price
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment

_log = structlog.get_logger()


class MarketHalts:
    """By feed, as two feeds may show two markets. Owned by one task.

    Args:
        known: halts of the day that were heard of before, by feed.
    """

    def __init__(self, table: BreakerTable, calendar: MarketCalendar, known: Mapping[str, Sequence[Halt]]) -> None:
        self._table = table
        self._calendar = calendar
        self._breakers = {feed: Breakers(table, halts) for feed, halts in known.items()}

    def on_index(self, feed: str, message: Mapping[str, Any], tick: MarketTick) -> Halt | None:
        """The halt that begins with this tick of an index.

        An index of which the feed does not tell the last close halts nothing, nor does one before the market is open.
        """
        before, day = message.get("prev_close"), tick.at.astimezone(IST).date()
        if not before or not any(start <= tick.at < end for start, end in self._calendar.continuous(Segment.NSE, day)):
            return None
        breakers = self._breakers.setdefault(feed, Breakers(self._table))
        halt = breakers.on_index(message["symbol"], tick.ltp, quoted_price(before), tick.at)
        if halt is not None:
            _log.warning("market_halted", feed=feed, index=halt.index, percent=str(halt.percent))
        return halt

    def of(self, feed: str, segment: Segment, now: datetime) -> Halt | None:
        """The halt of a segment of the feed's market that is on."""
        breakers = self._breakers.get(feed)
        return breakers.at(now) if breakers is not None and segment in self._table.segments else None
