"""Windows for broker calls: every lacking day covered once, none that could be answered with a cut answer."""

from datetime import date, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breezeway.clock import IST
from breezeway.intervals import STORED_INTERVALS, Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.domain.planning import ANSWER_CAP, plan

CALENDAR = MarketCalendar.default()


@settings(deadline=None, max_examples=60)
@given(
    segment=st.sampled_from(list(Segment)),
    start=st.dates(date(2012, 1, 1), date(2026, 11, 1)),
    interval=st.sampled_from(STORED_INTERVALS),
    picks=st.lists(st.booleans(), min_size=1, max_size=25),
)
def test_windows_cover_what_lacks_and_stay_below_the_cap(
    segment: Segment, start: date, interval: Interval, picks: list[bool]
) -> None:
    trading = CALENDAR.trading_days(segment, start, start + timedelta(days=40))
    lacking = [day for day, picked in zip(trading, picks, strict=False) if picked]
    windows = plan(lacking, interval, segment, CALENDAR)
    for before, after in pairwise(windows):
        assert before.ends_at <= after.starts_at
    for day in lacking:
        for opens, closes in CALENDAR.continuous(segment, day):
            inside = [w for w in windows if w.starts_at < closes and opens < w.ends_at]
            assert min(w.starts_at for w in inside) <= opens
            assert max(w.ends_at for w in inside) >= closes
    for window in windows:
        first, last = window.starts_at.astimezone(IST).date(), window.ends_at.astimezone(IST).date()
        days = CALENDAR.trading_days(segment, first, last)
        if interval is Interval.SECOND_1:
            assert (window.ends_at - window.starts_at).total_seconds() < ANSWER_CAP
        elif interval.seconds is not None:
            # Even with a bar in every place from the first session of a day to its last.
            most = 0
            for day in days:
                sessions = CALENDAR.sessions(segment, day)
                most += int((sessions[-1].end - sessions[0].start).total_seconds()) // interval.seconds
            assert most < ANSWER_CAP
        else:
            assert len(days) < ANSWER_CAP


@pytest.mark.parametrize(("interval", "days_a_call"), [(Interval.MINUTE_5, 10), (Interval.MINUTE_30, 54)])
def test_coarser_bars_take_fewer_calls(interval: Interval, days_a_call: int) -> None:
    days = CALENDAR.trading_days(Segment.NSE, date(2025, 7, 1), date(2026, 7, 1))
    windows = plan(days, interval, Segment.NSE, CALENDAR)
    assert -(-len(days) // (days_a_call + 2)) <= len(windows) <= -(-len(days) // (days_a_call - 1))


def test_a_stocks_window_reaches_past_the_closing_auction() -> None:
    (window,) = plan([date(2026, 11, 20)], Interval.MINUTE_1, Segment.NSE, CALENDAR)
    assert window.ends_at.astimezone(IST).time() == time(15, 35)
    (before,) = plan([date(2026, 7, 20)], Interval.MINUTE_1, Segment.NSE, CALENDAR)
    assert before.ends_at.astimezone(IST).time() == time(15, 30)


@pytest.mark.parametrize(("segment", "days_a_call"), [(Segment.NSE, 2), (Segment.NFO, 2), (Segment.MCX, 1)])
def test_a_call_answers_as_many_days_as_fit(segment: Segment, days_a_call: int) -> None:
    days = CALENDAR.trading_days(segment, date(2026, 4, 20), date(2026, 4, 24))
    assert len(days) == 5
    windows = plan(days, Interval.MINUTE_1, segment, CALENDAR)
    assert len(windows) == -(-5 // days_a_call)


def test_nothing_lacking_needs_no_call() -> None:
    for interval in (Interval.SECOND_1, Interval.MINUTE_1, Interval.DAY_1):
        assert plan([], interval, Segment.NSE, CALENDAR) == []
