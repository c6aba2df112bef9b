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
    def base(self) -> "Interval":
        """The stored interval it is computed from: `1s`, `1m` or `1d`. A base derives from itself."""
        if self in (Interval.SECOND_1, Interval.SECOND_5):
            return Interval.SECOND_1
        return Interval.MINUTE_1 if self.is_intraday else Interval.DAY_1


BASE_INTERVALS = (Interval.SECOND_1, Interval.MINUTE_1, Interval.DAY_1)
"""What is stored; everything else is computed when asked for."""

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
