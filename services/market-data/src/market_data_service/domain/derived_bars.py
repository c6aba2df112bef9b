"""Live bars of the intervals that are computed: 3m to 1d from minutes, 5s from seconds."""

from collections.abc import Iterable

from breezeway.candles.folding import Bar
from breezeway.candles.resample import day_of, ist_midnight
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment


def bucket_of(t: int, interval: Interval, segment: Segment, calendar: MarketCalendar) -> tuple[int, int] | None:
    """Label and end (epoch seconds) of the bar into which a base bar starting at `t` falls.

    None outside of the day's continuous trading. Labels are anchored at the session open, as in `candles.resample`.
    """
    day = day_of(t)
    stretches = calendar.continuous(segment, day)
    if not stretches:
        return None
    opens, closes = int(stretches[0][0].timestamp()), int(stretches[-1][1].timestamp())
    if not opens <= t < closes:
        return None
    if interval is Interval.DAY_1:
        return ist_midnight(day), closes
    seconds = interval.seconds
    if seconds is None:
        return None
    label = opens + (t - opens) // seconds * seconds
    return label, min(label + seconds, closes)


class DerivedBar:
    """The one bar of an interval that is forming, from its base bars.

    Base bars may come again corrected; each replaces the former one of its time.
    """

    def __init__(self, label: int, end: int) -> None:
        self.label = label
        self.end = end
        self._parts: dict[int, Bar] = {}

    def put(self, bar: Bar) -> None:
        """Add or replace a base bar."""
        self._parts[bar.t] = bar

    def seed(self, bars: Iterable[Bar]) -> None:
        """Add earlier base bars where none is known yet: what was traded before anybody listened."""
        for bar in bars:
            self._parts.setdefault(bar.t, bar)

    def bar(self, *, closed: bool) -> Bar | None:
        """The bar as far as it is known; None without any base bar."""
        if not self._parts:
            return None
        parts = [self._parts[t] for t in sorted(self._parts)]
        return Bar(
            self.label,
            parts[0].o,
            max(part.h for part in parts),
            min(part.l for part in parts),
            parts[-1].c,
            sum(part.v for part in parts),
            parts[-1].oi,
            closed,
        )
