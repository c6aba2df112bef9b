"""What we know about a day's bars, and how many there could be."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment


class CoverageState(StrEnum):
    COMPLETE = "complete"
    """The broker answered for the whole day, and what it answered is stored."""
    PARTIAL = "partial"
    """There are bars, but the day was not over when they were fetched, or they stop early; `reason` says which."""
    MISSING = "missing"
    """A trading day that nobody has asked the broker for."""
    HOLIDAY = "holiday"
    NOT_LISTED = "not_listed"
    """The instrument did not exist on that day."""
    UPSTREAM_NONE = "upstream_none"
    """The broker answered that it has nothing for this day."""
    UPSTREAM_FAILED = "upstream_failed"
    """The broker could not be made to answer for this day."""


@dataclass(frozen=True, slots=True)
class DayCoverage:
    """One trading day of one instrument and base interval.

    `expected` counts the bars that a busy instrument would have; one that trades rarely is complete with fewer.
    """

    day: date
    state: CoverageState
    bars: int
    expected: int
    reason: str | None = None
    updated_at: datetime | None = None


def expected_bars(segment: Segment, day: date, interval: Interval, calendar: MarketCalendar) -> int:
    """How many bars of a stored interval the day's sessions have room for."""
    stretches = calendar.continuous(segment, day)
    if interval.seconds is None:
        return 1 if stretches else 0
    return sum(int((closes - opens).total_seconds()) // interval.seconds for opens, closes in stretches)
