"""Aggregation anchored at the session open, against an independent pandas computation."""

import csv
import gzip
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breezeway.candles.columns import Candles, concat
from breezeway.candles.resample import day_of, ist_midnight, resample
from breezeway.clock import IST, ist_datetime
from breezeway.errors import InvalidInput
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment

CALENDAR = MarketCalendar.default()
INTRADAY = [interval for interval in Interval if interval.seconds is not None and interval.seconds > 60]


def at(day: date, clock: str) -> int:
    return int(ist_datetime(day, time.fromisoformat(clock)).timestamp())


def minutes(segment: Segment, days: Sequence[date], seed: int, share: float, *, oi: bool = False) -> Candles:
    """Random minute bars of a share of the session minutes of the days."""
    random = np.random.default_rng(seed)
    parts = []
    for day in days:
        for opens, closes in CALENDAR.continuous(segment, day):
            t = np.arange(int(opens.timestamp()), int(closes.timestamp()), 60)
            t = t[random.random(len(t)) < share]
            n = len(t)
            o, c = 100 + random.normal(0, 1, n), 100 + random.normal(0, 1, n)
            h, low = np.maximum(o, c) + random.random(n), np.minimum(o, c) - random.random(n)
            interest = random.integers(0, 1000, n) if oi else None
            parts.append(Candles.of(t, o, h, low, c, random.integers(0, 5000, n), interest))
    return concat(parts)


def frame(candles: Candles) -> pd.DataFrame:
    index = pd.to_datetime(candles.t, unit="s", utc=True).tz_convert("Asia/Kolkata")
    columns = {"o": candles.o, "h": candles.h, "l": candles.l, "c": candles.c, "v": candles.v}
    return pd.DataFrame(columns, index=index)


HOW = {"o": "first", "h": "max", "l": "min", "c": "last", "v": "sum"}


def by_pandas(candles: Candles, interval: Interval, open_clock: dict[date, str], usual: str) -> pd.DataFrame:
    """Day by day, with pandas' own binning from an explicit origin."""
    bars = frame(candles)
    parts = []
    for day, group in bars.groupby(bars.index.date):
        origin = pd.Timestamp(f"{day} {open_clock.get(day, usual)}", tz="Asia/Kolkata")
        parts.append(group.resample(f"{interval.seconds}s", origin=origin).agg(HOW).dropna())
    return pd.concat(parts)


def assert_same(mine: Candles, theirs: pd.DataFrame) -> None:
    assert mine.t.tolist() == [int(stamp.timestamp()) for stamp in theirs.index]
    for name in "ohlc":
        np.testing.assert_array_equal(getattr(mine, name), theirs[name].to_numpy())
    np.testing.assert_array_equal(mine.v, theirs["v"].to_numpy().astype(np.int64))


@settings(deadline=None, max_examples=40)
@given(
    segment=st.sampled_from([Segment.NSE, Segment.NFO, Segment.MCX, Segment.CDS]),
    start=st.dates(date(2019, 10, 20), date(2026, 11, 30)),
    interval=st.sampled_from(INTRADAY),
    share=st.sampled_from([0.02, 0.5, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_intraday_bars_equal_pandas(segment: Segment, start: date, interval: Interval, share: float, seed: int) -> None:
    end = date.fromordinal(start.toordinal() + 6)
    days = CALENDAR.trading_days(segment, start, end)
    base = minutes(segment, days, seed, share)
    result = resample(base, interval, source=Interval.MINUTE_1, segment=segment, calendar=CALENDAR)
    if not len(base):
        assert len(result) == 0
        return
    special = {day: f"{CALENDAR.continuous(segment, day)[0][0]:%H:%M}" for day in days}
    assert_same(result, by_pandas(base, interval, special, "09:15"))
    assert result.v.sum() == base.v.sum()


@settings(deadline=None, max_examples=25)
@given(start=st.dates(date(2019, 1, 1), date(2026, 6, 1)), seed=st.integers(0, 2**32 - 1))
def test_days_weeks_and_months_equal_pandas(start: date, seed: int) -> None:
    days = CALENDAR.trading_days(Segment.NSE, start, date.fromordinal(start.toordinal() + 70))
    base = minutes(Segment.NSE, days, seed, 0.05)
    bars = frame(base)
    midnight = bars.index.normalize()

    def check(interval: Interval, keys: pd.Series) -> None:
        theirs = bars.groupby(keys.to_numpy()).agg(HOW)
        theirs.index = pd.DatetimeIndex(theirs.index).tz_localize("Asia/Kolkata")
        daily = resample(base, Interval.DAY_1, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
        for source, candles in ((Interval.MINUTE_1, base), (Interval.DAY_1, daily)):
            mine = resample(candles, interval, source=source, segment=Segment.NSE, calendar=CALENDAR)
            assert_same(mine, theirs)

    naive = pd.Series(midnight.tz_localize(None))
    check(Interval.DAY_1, naive)
    check(Interval.WEEK_1, naive - pd.to_timedelta(naive.dt.day_of_week, unit="D"))
    first = {}
    for period in naive.dt.to_period("M").unique():
        begin, last = period.start_time.date(), period.end_time.date()
        first[period] = pd.Timestamp(CALENDAR.trading_days(Segment.NSE, begin, last)[0])
    check(Interval.MONTH_1, naive.dt.to_period("M").map(first))


def test_an_hour_starts_at_the_open_and_the_last_is_cut_by_the_close() -> None:
    day = date(2026, 11, 20)
    base = minutes(Segment.NSE, [day], 1, 1.0)
    hours = resample(base, Interval.HOUR_1, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
    clocks = [datetime.fromtimestamp(t, IST).strftime("%H:%M") for t in hours.t]
    assert clocks == ["09:15", "10:15", "11:15", "12:15", "13:15", "14:15", "15:15"]
    four = resample(base, Interval.HOUR_4, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
    assert [datetime.fromtimestamp(t, IST).strftime("%H:%M") for t in four.t] == ["09:15", "13:15"]


def test_a_special_session_is_anchored_at_its_own_open() -> None:
    day = date(2025, 10, 21)
    base = minutes(Segment.NSE, [day], 1, 1.0)
    bars = resample(base, Interval.MINUTE_30, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
    assert bars.t.tolist() == [at(day, "13:45"), at(day, "14:15")]


def test_open_interest_is_the_last_one() -> None:
    day = date(2026, 11, 20)
    base = minutes(Segment.NFO, [day], 3, 1.0, oi=True)
    bars = resample(base, Interval.MINUTE_5, source=Interval.MINUTE_1, segment=Segment.NFO, calendar=CALENDAR)
    assert base.oi is not None
    assert bars.oi is not None
    assert bars.oi.tolist() == base.oi[4::5].tolist()


def test_bars_before_the_open_belong_to_no_intraday_bar_but_to_the_day() -> None:
    day = date(2026, 11, 20)
    base = Candles.of([at(day, "09:08"), at(day, "09:15")], [9, 10], [9, 10], [9, 10], [9, 10], [1, 2])
    bars = resample(base, Interval.MINUTE_5, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
    assert bars.t.tolist() == [at(day, "09:15")]
    days = resample(base, Interval.DAY_1, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
    assert days.t.tolist() == [ist_midnight(day)]
    assert day_of(ist_midnight(day)) == day
    assert day_of(ist_midnight(day) - 1) == date(2026, 11, 19)


def test_a_month_that_opens_on_a_holiday_is_labelled_by_its_first_trading_day() -> None:
    base = minutes(Segment.NSE, CALENDAR.trading_days(Segment.NSE, date(2026, 4, 20), date(2026, 5, 29)), 5, 0.1)
    months = resample(base, Interval.MONTH_1, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
    assert [day_of(int(t)) for t in months.t] == [date(2026, 4, 1), date(2026, 5, 4)]


@pytest.mark.parametrize(
    ("source", "interval"),
    [("1m", "1s"), ("1d", "1m"), ("1d", "4h"), ("2h", "3m"), ("1w", "1M"), ("10m", "15m")],
)
def test_what_cannot_be_computed_is_refused(source: str, interval: str) -> None:
    base = minutes(Segment.NSE, [date(2026, 11, 20)], 1, 0.1)
    with pytest.raises(InvalidInput) as refusal:
        resample(base, Interval(interval), source=Interval(source), segment=Segment.NSE, calendar=CALENDAR)
    assert refusal.value.code == "unsupported_interval"


@pytest.mark.real_data
def test_two_real_years_equal_pandas(real_data: Path) -> None:
    t, rows = [], []
    with gzip.open(real_data / "candles_1min" / "NIFTY_1min_2019_2020.csv.gz", "rt") as text:
        for row in csv.DictReader(text):
            day = date.fromisoformat(row["date"])
            start = at(day, row["time"]) - 60
            if any(a.timestamp() <= start < b.timestamp() for a, b in CALENDAR.continuous(Segment.NSE, day)):
                t.append(start)
                rows.append([float(row[name]) for name in ("open", "high", "low", "close")])
    o, h, low, c = np.array(rows).T
    base = Candles.of(t, o, h, low, c, np.zeros(len(t), np.int64))
    assert len(base) > 185_000
    muhurat = {date(2019, 10, 27): "18:15", date(2020, 11, 14): "18:15"}
    for interval in (Interval.MINUTE_5, Interval.MINUTE_15, Interval.HOUR_1):
        mine = resample(base, interval, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
        assert_same(mine, by_pandas(base, interval, muhurat, "09:15"))
