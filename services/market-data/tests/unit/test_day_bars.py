"""A day's bars: what belongs to it, what identifies it, and what two versions of it make together."""

from datetime import date

import numpy as np
import pytest

from breezeway.candles.columns import Candles, concat
from breezeway.candles.resample import ist_midnight
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.domain.coverage import expected_bars
from market_data_service.domain.day_bars import DayBars, in_session, merge, split_days

CALENDAR = MarketCalendar.default()
FRIDAY = date(2026, 11, 20)


def bars(day: date, *clocks: str, price: float = 10.0) -> Candles:
    t = [ist_midnight(day) + int(clock[:2]) * 3600 + int(clock[3:]) * 60 for clock in clocks]
    n = len(t)
    return Candles.of(t, [price] * n, [price] * n, [price] * n, [price] * n, [1] * n)


def clocks(candles: Candles, day: date) -> list[str]:
    return [f"{(t - ist_midnight(day)) // 3600:02d}:{(t - ist_midnight(day)) % 3600 // 60:02d}" for t in candles.t]


@pytest.mark.parametrize(
    ("segment", "day", "kept"),
    [
        (Segment.NSE, FRIDAY, ["09:15", "15:29"]),
        (Segment.NFO, FRIDAY, ["09:15", "15:29", "15:31"]),
        (Segment.NSE, date(2026, 11, 8), ["18:15"]),
        (Segment.NSE, date(2026, 11, 7), []),
    ],
)
def test_only_minutes_of_trading_are_kept(segment: Segment, day: date, kept: list[str]) -> None:
    raw = bars(day, "09:08", "09:15", "15:29", "15:31", "15:40", "18:15", "19:15")
    assert clocks(in_session(raw, Interval.MINUTE_1, segment, CALENDAR), day) == kept


def test_daily_bars_are_kept_on_trading_days() -> None:
    raw = concat([bars(FRIDAY, "00:00"), bars(date(2026, 11, 21), "00:00")])
    assert len(in_session(raw, Interval.DAY_1, Segment.NSE, CALENDAR)) == 1


def test_days_are_cut_at_indian_midnight() -> None:
    raw = concat([bars(date(2026, 11, 19), "23:59"), bars(FRIDAY, "00:00", "04:00")])
    assert [(part.day, len(part.candles)) for part in split_days(raw)] == [(date(2026, 11, 19), 1), (FRIDAY, 2)]
    assert split_days(Candles.empty()) == []


def test_the_checksum_is_of_the_content() -> None:
    one, same = DayBars(FRIDAY, bars(FRIDAY, "09:15")), DayBars(FRIDAY, bars(FRIDAY, "09:15"))
    assert one.checksum == same.checksum
    assert one.checksum != DayBars(FRIDAY, bars(FRIDAY, "09:15", price=10.05)).checksum
    assert one.checksum != DayBars(FRIDAY, bars(FRIDAY, "09:16")).checksum
    with_interest = Candles(
        one.candles.t, one.candles.o, one.candles.h, one.candles.l, one.candles.c, one.candles.v, np.zeros(1, np.int64)
    )
    assert one.checksum != DayBars(FRIDAY, with_interest).checksum


@pytest.mark.parametrize(("keep_stored", "price"), [(False, 20.0), (True, 10.0)])
def test_merging_is_a_union_in_which_one_side_wins(keep_stored: bool, price: float) -> None:
    stored = DayBars(FRIDAY, bars(FRIDAY, "09:15", "09:16"))
    fetched = DayBars(FRIDAY, bars(FRIDAY, "09:16", "09:17", price=20.0))
    both = merge(stored, fetched, keep_stored=keep_stored).candles
    assert clocks(both, FRIDAY) == ["09:15", "09:16", "09:17"]
    assert both.c.tolist() == [10.0, price, 20.0]
    assert merge(None, fetched) is fetched


@pytest.mark.parametrize(
    ("segment", "day", "interval", "count"),
    [
        (Segment.NSE, FRIDAY, Interval.MINUTE_1, 375),
        (Segment.NFO, FRIDAY, Interval.MINUTE_1, 385),
        (Segment.NSE, FRIDAY, Interval.SECOND_1, 22_500),
        (Segment.NSE, FRIDAY, Interval.DAY_1, 1),
        (Segment.NSE, date(2026, 11, 21), Interval.DAY_1, 0),
    ],
)
def test_how_many_bars_a_day_has_room_for(segment: Segment, day: date, interval: Interval, count: int) -> None:
    assert expected_bars(segment, day, interval, CALENDAR) == count


@pytest.mark.parametrize(
    ("segment", "day", "minutes"),
    [
        (Segment.NSE, date(2026, 7, 20), 375),  # a plain day before the closing auction
        (Segment.NSE, date(2026, 11, 20), 375),  # a stock without derivatives after it
        (Segment.NFO, date(2026, 7, 20), 375),
        (Segment.NFO, date(2026, 11, 20), 385),
        (Segment.NSE, date(2026, 11, 8), 60),  # Muhurat, on a Sunday
        (Segment.MCX, date(2026, 7, 20), 870),  # New York has daylight saving time
        (Segment.MCX, date(2026, 11, 20), 895),
        (Segment.MCX_AGRI_INTL, date(2026, 11, 20), 720),
        (Segment.MCX_AGRI, date(2026, 11, 20), 480),
        (Segment.NSE, date(2026, 11, 21), 0),
    ],
)
def test_a_day_has_as_many_minutes_as_its_sessions(segment: Segment, day: date, minutes: int) -> None:
    assert expected_bars(segment, day, Interval.MINUTE_1, CALENDAR) == minutes
    assert expected_bars(segment, day, Interval.DAY_1, CALENDAR) == min(1, minutes)
    assert expected_bars(segment, day, Interval.MINUTE_5, CALENDAR) == minutes // 5


def test_the_closing_auction_belongs_to_a_stocks_day_and_to_no_index() -> None:
    """15:30 to 15:35 since 2026-08-03; before, and for an index, what is printed then means nothing."""
    for day, with_auction, kept in (
        (date(2026, 11, 20), True, 2),
        (date(2026, 11, 20), False, 1),
        (date(2026, 7, 20), True, 1),
    ):
        midnight = ist_midnight(day)
        t = [midnight + 15 * 3600 + 14 * 60, midnight + 15 * 3600 + 32 * 60, midnight + 15 * 3600 + 41 * 60]
        price = [100.0] * 3
        bars = Candles.of(t, price, price, price, price, [1] * 3)
        found = in_session(bars, Interval.MINUTE_1, Segment.NSE, CALENDAR, with_auction=with_auction)
        assert found.t.tolist() == t[:kept]
