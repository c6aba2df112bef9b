"""Cuts the days that are lacking into windows that one broker call can answer.

The broker answers at most 1,000 candles and does not say when it has cut an answer, so a window is made so small that
no session shape can fill it: the bound is the time from the day's first session to its last, with room for stray
prints, not the number of bars that we hope to store.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment, SessionKind

ANSWER_CAP = 1_000
"""Candles in one answer of the broker's second history call."""

_ROOM = 950
_STRAY_PRINTS = 15
_SECONDS_WINDOW = 900
_DAILY_WINDOW = 365


@dataclass(frozen=True, slots=True)
class Window:
    """[starts_at, ends_at), which one call answers. It lies within one day, or spans whole days."""

    starts_at: datetime
    ends_at: datetime


def plan(days: Sequence[date], interval: Interval, segment: Segment, calendar: MarketCalendar) -> list[Window]:
    """Windows that cover every one of the ascending trading `days`, in order.

    Args:
        interval: a stored one.
    """
    if interval is Interval.SECOND_1:
        return [window for day in days for window in _within_day(day, segment, calendar)]
    if interval is Interval.DAY_1:
        return [_whole(days[0], days[-1], segment, calendar) for days in _spans(days, _DAILY_WINDOW)]
    return list(_days(days, interval.seconds or 60, segment, calendar))


def last_print(segment: Segment, day: date, calendar: MarketCalendar) -> datetime:
    """When the day's last price is made: the close, or the end of the closing auction that some stocks have."""
    closes = calendar.continuous(segment, day)[-1][1]
    auction = auction_of(segment, day, calendar)
    return closes if auction is None else max(closes, auction[1])


def auction_of(segment: Segment, day: date, calendar: MarketCalendar) -> tuple[datetime, datetime] | None:
    """[start, end) in which the day's closing auction is held; None on a day without one."""
    sessions = calendar.sessions(segment, day, cas_eligible=True)
    found = [each for each in sessions if each.kind is SessionKind.CLOSING_AUCTION]
    return (found[0].start, found[-1].end) if found else None


def _days(days: Sequence[date], seconds: int, segment: Segment, calendar: MarketCalendar) -> Iterator[Window]:
    pending: list[date] = []
    room = _ROOM
    for day in days:
        # Days between two lacking ones are answered too, so they take room as well.
        between = calendar.trading_days(segment, pending[-1] + timedelta(days=1), day) if pending else [day]
        need = sum(_most_bars(segment, each, seconds, calendar) for each in between)
        if pending and need > room:
            yield _whole(pending[0], pending[-1], segment, calendar)
            pending, room = [], _ROOM
            need = _most_bars(segment, day, seconds, calendar)
        pending.append(day)
        room -= need
    if pending:
        yield _whole(pending[0], pending[-1], segment, calendar)


def _most_bars(segment: Segment, day: date, seconds: int, calendar: MarketCalendar) -> int:
    sessions = calendar.sessions(segment, day)
    if not sessions:
        return 0
    span = int((sessions[-1].end - sessions[0].start).total_seconds())
    # Bars of five minutes and more begin where the broker likes, so that one more may fit.
    return span // seconds + 1 + -(-_STRAY_PRINTS * 60 // seconds)


def _within_day(day: date, segment: Segment, calendar: MarketCalendar) -> Iterator[Window]:
    step = timedelta(seconds=_SECONDS_WINDOW)
    stretches = calendar.continuous(segment, day)
    # The closing auction's print is a second of the day, too.
    stretches[-1] = (stretches[-1][0], last_print(segment, day, calendar))
    for opens, closes in stretches:
        start = opens
        while start < closes:
            end = min(start + step, closes)
            yield Window(start, end)
            start = end


def _whole(first: date, last: date, segment: Segment, calendar: MarketCalendar) -> Window:
    opens = calendar.continuous(segment, first)[0][0]
    return Window(opens, last_print(segment, last, calendar))


def _spans(days: Sequence[date], length: int) -> Iterator[list[date]]:
    if not days:
        return
    origin = days[0]
    for _, span in groupby(days, key=lambda day: (day - origin).days // length):
        yield list(span)
