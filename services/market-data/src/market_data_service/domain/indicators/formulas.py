"""Indicators that are more, or asked for differently, than one function of TA-Lib: from bars and parameters to one
column per output, in the catalogue's order.

A quotient whose divisor is zero because prices stood still is in the middle of its scale; TA-Lib answers 0 there, which
reads like a signal.
"""

from collections.abc import Callable, Sequence

import numpy as np

from breezeway.candles.columns import Candles, Floats, Integers
from breezeway.candles.resample import day_of, ist_day
from market_data_service.domain.indicators.library import column, ta

Columns = Sequence[Floats]
Formula = Callable[..., Columns]


def rsi(bars: Candles, length: int) -> Columns:
    found = ta().RSI(bars.c, length)
    stood = np.logical_and.accumulate(bars.c == bars.c[:1])
    return [np.where(stood & ~np.isnan(found), 50.0, found)]


def macd(bars: Candles, fast: int, slow: int, signal: int) -> Columns:
    # Not TA-Lib's MACD: that begins the fast mean late, so that both means start at the same bar.
    line = ta().EMA(bars.c, fast) - ta().EMA(bars.c, slow)
    smoothed = ta().EMA(line, signal)
    return [line, smoothed, line - smoothed]


def bollinger(bars: Candles, length: int, width: float) -> Columns:
    return list(ta().BBANDS(bars.c, length, width, width))


def adx(bars: Candles, length: int) -> Columns:
    prices = (bars.h, bars.l, bars.c)
    return [ta().ADX(*prices, length), ta().PLUS_DI(*prices, length), ta().MINUS_DI(*prices, length)]


def stochastic(bars: Candles, length: int, slowing: int, signal: int) -> Columns:
    fast, _ = ta().STOCHF(bars.h, bars.l, bars.c, length, 1)
    k = ta().SMA(np.where(_stands(bars, length), 50.0, fast), slowing)
    return [k, ta().SMA(k, signal)]


def williams(bars: Candles, length: int) -> Columns:
    return [np.where(_stands(bars, length), -50.0, ta().WILLR(bars.h, bars.l, bars.c, length))]


def money_flow(bars: Candles, length: int) -> Columns:
    found = ta().MFI(bars.h, bars.l, bars.c, column(bars, "volume"), length)
    typical = _typical(bars)
    moved = np.abs(np.diff(typical, prepend=np.nan)) * bars.v
    return [np.where(ta().MAX(moved, length) == 0, 50.0, found)]


def keltner(bars: Candles, length: int, width: float) -> Columns:
    middle, spread = ta().EMA(bars.c, length), width * ta().ATR(bars.h, bars.l, bars.c, length)
    return [middle + spread, middle, middle - spread]


def donchian(bars: Candles, length: int) -> Columns:
    return list(ta().DONCHIAN(bars.h, bars.l, length))


def aroon(bars: Candles, length: int) -> Columns:
    down, up = ta().AROON(bars.h, bars.l, length)
    return [up, down]


def volume_weighted_mean(bars: Candles, length: int) -> Columns:
    found = ta().VWMA(bars.c, column(bars, "volume"), length)
    return [np.where(np.isfinite(found), found, np.nan)]


def session_vwap(bars: Candles) -> Columns:
    # TA-Lib's VWAP knows no sessions, and is 0 as long as nothing was traded.
    starts = _runs(ist_day(bars.t))
    flow, volume = _since(_typical(bars) * bars.v, starts), _since(bars.v.astype(np.float64), starts)
    nothing = volume == 0
    return [np.where(nothing, np.nan, flow / np.where(nothing, 1.0, volume))]


def open_interest_change(bars: Candles) -> Columns:
    return [np.full(len(bars), np.nan) if bars.oi is None else np.diff(bars.oi.astype(np.float64), prepend=np.nan)]


def pivots(bars: Candles) -> Columns:
    """From the high, low and close of the day before; of bars of a day and longer, from the bar before."""
    size = len(bars)
    starts = _runs(ist_day(bars.t))
    ends = np.append(starts[1:], size) - 1
    high, low, close = np.maximum.reduceat(bars.h, starts), np.minimum.reduceat(bars.l, starts), bars.c[ends]
    p = (high + low + close) / 3
    levels = (p, 2 * p - low, 2 * p - high, p + (high - low), p - (high - low))
    counts = np.diff(np.append(starts, size))
    return [np.repeat(np.concatenate(([np.nan], level[:-1])), counts) for level in levels]


def supertrend(bars: Candles, length: int, width: float) -> Columns:
    """The band that the close has not crossed, and 1 while it lies below the price, -1 while above."""
    line, direction = ta().SUPERTREND(bars.h, bars.l, bars.c, length, width)
    return [line, np.where(np.isnan(line), np.nan, direction)]


def by_session(bars: Candles, formula: Formula) -> Columns:
    """`formula` anew from the first bar of every day, or, of daily and longer bars, of every year: for sums that never
    end, whose level would else depend on where the answer begins."""
    days = ist_day(bars.t)
    intraday = bool(np.any(days[1:] == days[:-1]))
    groups = days if intraday else np.array([day_of(int(t)).year for t in bars.t], np.int64)
    starts = _runs(groups)
    parts = [formula(bars[a:b]) for a, b in zip(starts, [*starts[1:], len(bars)], strict=True)]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def on_balance_volume(bars: Candles) -> Columns:
    # TA-Lib counts the first bar's volume as bought; nobody knows, so a session begins with nothing.
    def of_session(part: Candles) -> Columns:
        found = ta().OBV(part.c, column(part, "volume"))
        return [found - found[0]]

    return by_session(bars, of_session)


def _stands(bars: Candles, length: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    stood: np.ndarray[tuple[int], np.dtype[np.bool_]] = ta().MAX(bars.h, length) == ta().MIN(bars.l, length)
    return stood


def _typical(bars: Candles) -> Floats:
    return (bars.h + bars.l + bars.c) / 3


def _runs(groups: Integers) -> Integers:
    """Where each run of equal numbers begins."""
    return np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))


def _since(values: Floats, starts: Integers) -> Floats:
    """Running sums that begin anew at every start."""
    total: Floats = np.cumsum(values)
    offsets = total[starts] - values[starts]
    return total - np.repeat(offsets, np.diff(np.append(starts, len(values))))
