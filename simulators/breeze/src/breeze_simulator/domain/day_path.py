"""One instrument's day in minutes: what history answers and what live prints are drawn through."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from breezeway.clock import IST_OFFSET_SECONDS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class DayPath:
    """The minutes in which something traded, ascending; a minute without a row had no trade.

    `minute` counts from IST midnight. `tick_size` is rupees. `prints_per_minute` is of a busy minute. `auction` tells
    that the last row is the closing auction: one print at one price.
    """

    key: str
    day: date
    minute: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Ints
    oi: Ints | None
    tick_size: float
    lot: int
    prints_per_minute: int
    auction: bool = False

    def __len__(self) -> int:
        return len(self.minute)

    @property
    def midnight(self) -> int:
        """Epoch seconds of the day's IST midnight."""
        return midnight_of(self.day)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """An underlying's unrounded way through a day, on every minute that any of its markets trades."""

    minute: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    activity: Floats
    """Share of a usual day's volume in each minute; sums to about 1 over the cash session."""


def midnight_of(day: date) -> int:
    """Epoch seconds of IST midnight."""
    return (day - _EPOCH).days * 86_400 - IST_OFFSET_SECONDS


_EPOCH = date(1970, 1, 1)
