"""Coarser bars from stored ones, anchored at the session open.

Labels (epoch seconds UTC of the bar's start):

    intraday   anchor + k x interval, where the anchor is the open of the day's *first* continuous stretch: 09:15 for
               NSE, BSE, NFO and BFO, 09:00 for MCX and CDS, a special session's own open on such a day. The last bar
               of a day is cut by the close. One anchor serves the whole day, so an interruption shifts no later bar.
    1d         midnight IST of the trading day
    1w         midnight IST of the Monday of that week, whether or not it traded
    1M         midnight IST of the month's first trading day by the calendar, whether or not it has a bar

A bar exists when at least one base bar falls into it. Volume adds up, open interest is the last one. Base bars before
the day's anchor are left out of intraday bars, because they cannot be labelled; storage drops them anyway.
"""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np

from breezeway.candles.columns import Candles, Integers
from breezeway.clock import IST_OFFSET_SECONDS
from breezeway.errors import InvalidInput
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import MCX_SEGMENTS, Segment

_DAY = 86_400
_EPOCH = date(1970, 1, 1)


def resample(
    base: Candles, interval: Interval, *, source: Interval, segment: Segment, calendar: MarketCalendar
) -> Candles:
    """Aggregate ascending `base` bars of length `source` to `interval`.

    Raises:
        InvalidInput: `unsupported_interval`, when `interval` is finer than `source` or not a multiple of it.
    """
    if interval is source:
        return base
    _require_multiple(source, interval)
    if not len(base):
        return base
    if interval.seconds is not None:
        labels = _intraday_labels(base.t, interval.seconds, segment, calendar)
        kept = labels >= 0
        if not kept.all():
            base, labels = base[kept], labels[kept]
    else:
        labels = _calendar_labels(base.t, interval, segment, calendar)
    return aggregate(base, labels)


def aggregate(base: Candles, labels: Integers) -> Candles:
    """One bar per run of equal labels; `labels` must not descend."""
    if not len(base):
        return base
    starts = np.flatnonzero(np.concatenate(([True], labels[1:] != labels[:-1])))
    ends = np.concatenate((starts[1:], [len(labels)])) - 1
    return Candles(
        labels[starts],
        base.o[starts],
        np.maximum.reduceat(base.h, starts),
        np.minimum.reduceat(base.l, starts),
        base.c[ends],
        np.add.reduceat(base.v, starts, dtype=np.int64),
        None if base.oi is None else base.oi[ends],
    )


def ist_day(t: Integers) -> Integers:
    """The IST calendar day of epoch seconds, as days since 1970-01-01."""
    return (t + IST_OFFSET_SECONDS) // _DAY


def ist_midnight(day: date) -> int:
    """Epoch seconds of midnight IST, the label of a daily bar."""
    return (day - _EPOCH).days * _DAY - IST_OFFSET_SECONDS


def day_of(t: int) -> date:
    """The IST day in which an instant lies."""
    return _EPOCH + timedelta(days=(t + IST_OFFSET_SECONDS) // _DAY)


def _intraday_labels(t: Integers, seconds: int, segment: Segment, calendar: MarketCalendar) -> Integers:
    def anchor(day: date) -> int:
        opening = calendar.opening(segment, day)
        # A bar on a day that the calendar does not know is anchored where the segment usually opens.
        return opening if opening is not None else ist_midnight(day) + _usual_open(segment)

    # Within a day 32 bits do, whose remainder takes a third of the time.
    since = (t - _per_day(ist_day(t), anchor)).astype(np.int32)
    labels = t - since % np.int32(seconds)
    return np.where(since >= 0, labels, -1) if since.min() < 0 else labels


def _calendar_labels(t: Integers, interval: Interval, segment: Segment, calendar: MarketCalendar) -> Integers:
    def week(day: date) -> int:
        return ist_midnight(day - timedelta(days=day.weekday()))

    def month(day: date) -> int:
        first = day.replace(day=1)
        if not calendar.is_trading_day(segment, first):
            first = min(calendar.next_trading_day(segment, first), day)
        return ist_midnight(first)

    label = {Interval.DAY_1: ist_midnight, Interval.WEEK_1: week, Interval.MONTH_1: month}[interval]
    return _per_day(ist_day(t), label)


def _per_day(days: Integers, value: Callable[[date], int]) -> Integers:
    # Bars ascend, so the days come in runs; `np.unique` would sort a year of minutes to find that out.
    starts = np.flatnonzero(np.concatenate(([True], days[1:] != days[:-1])))
    values = np.fromiter((value(_EPOCH + timedelta(days=int(day))) for day in days[starts]), np.int64, len(starts))
    return np.repeat(values, np.diff(np.concatenate((starts, [len(days)]))))


def _usual_open(segment: Segment) -> int:
    return 9 * 3600 if segment is Segment.CDS or segment in MCX_SEGMENTS else 9 * 3600 + 15 * 60


def _require_multiple(source: Interval, interval: Interval) -> None:
    if interval.seconds is None:
        possible = source.seconds is not None or source is Interval.DAY_1
    else:
        possible = source.seconds is not None and interval.seconds % source.seconds == 0
    if not possible or (source is Interval.DAY_1 and interval.seconds is not None):
        raise InvalidInput(f"{interval} bars cannot be computed from {source} bars.", code="unsupported_interval")
