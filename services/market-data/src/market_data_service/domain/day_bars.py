"""The bars of one trading day: what is stored, compared and replaced as a whole."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from breezeway.candles.columns import Candles, concat
from breezeway.candles.resample import day_of, ist_day
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.domain.planning import auction_of


@dataclass(frozen=True, slots=True)
class DayBars:
    """The bars of one Indian day; never empty."""

    day: date
    candles: Candles

    @property
    def checksum(self) -> bytes:
        """A digest of the content: equal bars have equal digests, whatever machine made them."""
        digest = hashlib.blake2b(digest_size=16)
        bars = self.candles
        for column, kind in ((bars.t, "<i8"), (bars.o, "<f8"), (bars.h, "<f8"), (bars.l, "<f8"), (bars.c, "<f8")):
            digest.update(column.astype(kind).tobytes())
        digest.update(bars.v.astype("<i8").tobytes())
        if bars.oi is not None:
            digest.update(b"oi" + bars.oi.astype("<i8").tobytes())
        return digest.digest()


def split_days(candles: Candles) -> list[DayBars]:
    """Ascending bars cut at midnight IST."""
    if not len(candles):
        return []
    days = ist_day(candles.t)
    starts = np.flatnonzero(np.concatenate(([True], days[1:] != days[:-1])))
    ends = [*starts[1:], len(days)]
    return [
        DayBars(day_of(int(candles.t[first])), candles[int(first) : int(last)])
        for first, last in zip(starts, ends, strict=True)
    ]


def in_session(
    candles: Candles, interval: Interval, segment: Segment, calendar: MarketCalendar, *, with_auction: bool = False
) -> Candles:
    """Only the bars that start while orders match.

    The broker also sends the pre-open print (09:08) and prints after the close (15:31 to 15:33 and later); they
    are not minutes of trading, and would shift every coarser bar. Daily bars are kept on trading days.

    Args:
        with_auction: whether a print of the closing auction belongs to the day: it does for stocks, whose close it
            makes, and keeps a time of its own behind the continuous minutes. An index has none.
    """

    def kept(part: DayBars) -> Candles:
        stretches = calendar.continuous(segment, part.day)
        auction = auction_of(segment, part.day, calendar) if with_auction and stretches else None
        return part.candles[_mask(part, interval, [*stretches, auction] if auction else stretches)]

    return concat(kept(part) for part in split_days(candles))


def merge(stored: DayBars | None, fetched: DayBars, *, keep_stored: bool = False) -> DayBars:
    """What a day holds after `fetched` arrived: the union of both.

    A bar that is stored but was not fetched again stays. The broker leaves out minutes at random, so an answer
    with fewer bars than we have is a worse answer, not news that trades were undone.

    Args:
        keep_stored: whether a stored bar wins over a new one of its time; for bars that we folded ourselves, which
            must not replace what the broker's history said.
    """
    if stored is None:
        return fetched
    weaker, stronger = (fetched, stored) if keep_stored else (stored, fetched)
    missing = ~np.isin(weaker.candles.t, stronger.candles.t)
    if not missing.any():
        return stronger
    joined = concat([weaker.candles[missing], stronger.candles])
    return DayBars(fetched.day, joined[np.argsort(joined.t, kind="stable")])


def _mask(part: DayBars, interval: Interval, stretches: Sequence[tuple[datetime, datetime]]) -> NDArray[np.bool_]:
    t = part.candles.t
    if interval.seconds is None:
        return np.full(len(t), bool(stretches))
    inside = np.zeros(len(t), dtype=np.bool_)
    for opens, closes in stretches:
        inside |= (t >= int(opens.timestamp())) & (t < int(closes.timestamp()))
    return inside
