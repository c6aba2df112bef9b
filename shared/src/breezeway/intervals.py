"""The bar lengths that the suite answers, and which stored length each one is computed from."""

from enum import StrEnum

from breezeway.errors import InvalidInput


class Interval(StrEnum):
    """A bar length, spelled as in the API."""

    SECOND_1 = "1s"
    SECOND_5 = "5s"
    MINUTE_1 = "1m"
    MINUTE_3 = "3m"
    MINUTE_5 = "5m"
    MINUTE_10 = "10m"
    MINUTE_15 = "15m"
    MINUTE_30 = "30m"
    HOUR_1 = "1h"
    HOUR_2 = "2h"
    HOUR_4 = "4h"
    DAY_1 = "1d"
    WEEK_1 = "1w"
    MONTH_1 = "1M"

    @property
    def seconds(self) -> int | None:
        """Length of an intraday bar; None for a day and longer, whose length depends on the calendar."""
        return _SECONDS.get(self.value)

    @property
    def is_intraday(self) -> bool:
        return self.value in _SECONDS

    @property
    def is_stored(self) -> bool:
        """Whether the broker sends bars of this length, so that they can be fetched and kept."""
        return self in STORED_INTERVALS

    @property
    def sources(self) -> "tuple[Interval, ...]":
        """The stored intervals it can be computed from, the best first; each day is taken from the first that has it.

        Minutes come before the broker's own coarser bars, because those are cut at its own discretion. Only of a day
        and longer the broker's own bar is better: it knows the closing price.
        """
        if self in (Interval.SECOND_1, Interval.SECOND_5):
            return (Interval.SECOND_1,)
        if self.seconds is None:
            return (Interval.DAY_1, Interval.MINUTE_1, Interval.MINUTE_5, Interval.MINUTE_30)
        minutes = (Interval.MINUTE_1, Interval.MINUTE_5, Interval.MINUTE_30)
        return tuple(each for each in minutes if self.seconds % (each.seconds or 1) == 0)

    @property
    def base(self) -> "Interval":
        """The finest stored interval it is computed from: `1s`, `1m` or `1d`. A base derives from itself."""
        if self in (Interval.SECOND_1, Interval.SECOND_5):
            return Interval.SECOND_1
        return Interval.MINUTE_1 if self.is_intraday else Interval.DAY_1


BASE_INTERVALS = (Interval.SECOND_1, Interval.MINUTE_1, Interval.DAY_1)
"""What live feeds make and backfills usually fetch."""

STORED_INTERVALS = (
    Interval.SECOND_1,
    Interval.MINUTE_1,
    Interval.MINUTE_5,
    Interval.MINUTE_30,
    Interval.DAY_1,
)
"""What can be fetched and is stored; everything else is computed when asked for."""

_SECONDS = {
    "1s": 1,
    "5s": 5,
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "10m": 600,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "2h": 7200,
    "4h": 14400,
}


def parse_interval(text: str) -> Interval:
    """Read an interval as the API spells it: `1m` is a minute, `1M` a month.

    Raises:
        InvalidInput: `unsupported_interval`.
    """
    try:
        return Interval(text)
    except ValueError:
        raise InvalidInput(
            f"'{text}' is not an interval; use one of {', '.join(Interval)}.", code="unsupported_interval"
        ) from None
