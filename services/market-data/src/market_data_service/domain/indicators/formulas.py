"""The formulas: from bars and parameters to one column per output, in the catalogue's order.

Definitions follow Wilder and TA-Lib where these agree. A quotient whose divisor is zero because prices stood still is
in the middle of its scale.
"""

from collections.abc import Callable, Sequence

import numpy as np

from breezeway.candles.columns import Candles, Floats, Integers
from breezeway.candles.resample import day_of, ist_day
from market_data_service.domain.indicators.smoothing import (
    before,
    deviation,
    ema,
    highest,
    late,
    lowest,
    ratio,
    sma,
    weighted,
    wilder,
    windows,
)

Columns = Sequence[Floats]


def simple(bars: Candles, length: int) -> Columns:
    return [sma(bars.c, length)]


def exponential(bars: Candles, length: int) -> Columns:
    return [ema(bars.c, length)]


def linear(bars: Candles, length: int) -> Columns:
    return [_wma(bars.c, length)]


def double_exponential(bars: Candles, length: int) -> Columns:
    once = ema(bars.c, length)
    return [2 * once - ema(once, length)]


def hull(bars: Candles, length: int) -> Columns:
    raw = 2 * _wma(bars.c, max(1, length // 2)) - _wma(bars.c, length)
    return [_wma(raw, max(1, round(length**0.5)))]


def volume_weighted_mean(bars: Candles, length: int) -> Columns:
    ones = np.ones(length)
    return [ratio(weighted(bars.c * bars.v, ones), weighted(bars.v.astype(np.float64), ones), np.nan)]


def rsi(bars: Candles, length: int) -> Columns:
    change = np.diff(bars.c, prepend=np.nan)
    up, down = wilder(np.maximum(change, 0), length), wilder(np.maximum(-change, 0), length)
    return [100 * ratio(up, up + down, 0.5)]


def macd(bars: Candles, fast: int, slow: int, signal: int) -> Columns:
    line = ema(bars.c, fast) - ema(bars.c, slow)
    smoothed = ema(line, signal)
    return [line, smoothed, line - smoothed]


def bollinger(bars: Candles, length: int, width: float) -> Columns:
    middle, spread = sma(bars.c, length), width * deviation(bars.c, length)
    return [middle + spread, middle, middle - spread]


def true_range(bars: Candles) -> Floats:
    previous = before(bars.c, 1)
    moved: Floats = np.maximum(bars.h, previous) - np.minimum(bars.l, previous)
    return moved


def atr(bars: Candles, length: int) -> Columns:
    return [wilder(true_range(bars), length)]


def natr(bars: Candles, length: int) -> Columns:
    return [100 * wilder(true_range(bars), length) / bars.c]


def adx(bars: Candles, length: int) -> Columns:
    up, down = np.diff(bars.h, prepend=np.nan), -np.diff(bars.l, prepend=np.nan)
    rising = np.where(np.isnan(up), np.nan, np.where((up > down) & (up > 0), up, 0.0))
    falling = np.where(np.isnan(up), np.nan, np.where((down > up) & (down > 0), down, 0.0))
    moved = wilder(true_range(bars), length)
    plus = 100 * ratio(wilder(rising, length), moved, 0.0)
    minus = 100 * ratio(wilder(falling, length), moved, 0.0)
    return [wilder(100 * ratio(abs(plus - minus), plus + minus, 0.0), length), plus, minus]


def stochastic(bars: Candles, length: int, slowing: int, signal: int) -> Columns:
    low = lowest(bars.l, length)
    k = sma(100 * ratio(bars.c - low, highest(bars.h, length) - low, 0.5), slowing)
    return [k, sma(k, signal)]


def williams(bars: Candles, length: int) -> Columns:
    high = highest(bars.h, length)
    return [-100 * ratio(high - bars.c, high - lowest(bars.l, length), 0.5)]


def cci(bars: Candles, length: int) -> Columns:
    typical = _typical(bars)
    seen = windows(typical, length)
    mean = seen.mean(axis=1)
    spread = late(np.abs(seen - mean[:, None]).mean(axis=1), len(bars))
    return [ratio(typical - late(mean, len(bars)), 0.015 * spread, 0.0)]


def rate_of_change(bars: Candles, length: int) -> Columns:
    return [100 * (bars.c / before(bars.c, length) - 1)]


def momentum(bars: Candles, length: int) -> Columns:
    return [bars.c - before(bars.c, length)]


def donchian(bars: Candles, length: int) -> Columns:
    high, low = highest(bars.h, length), lowest(bars.l, length)
    return [high, (high + low) / 2, low]


def keltner(bars: Candles, length: int, width: float) -> Columns:
    middle, spread = ema(bars.c, length), width * wilder(true_range(bars), length)
    return [middle + spread, middle, middle - spread]


def aroon(bars: Candles, length: int) -> Columns:
    # Reversed, so that of equal extremes the newest counts.
    since_high = windows(bars.h, length + 1)[:, ::-1].argmax(axis=1)
    since_low = windows(bars.l, length + 1)[:, ::-1].argmin(axis=1)
    return [late(100 * (length - since) / length, len(bars)) for since in (since_high, since_low)]


def standard_deviation(bars: Candles, length: int) -> Columns:
    return [deviation(bars.c, length)]


def money_flow(bars: Candles, length: int) -> Columns:
    typical = _typical(bars)
    flow, change = typical * bars.v, np.diff(typical, prepend=np.nan)
    ones = np.ones(length)
    into = weighted(np.where(np.isnan(change), np.nan, np.where(change > 0, flow, 0.0)), ones)
    out = weighted(np.where(np.isnan(change), np.nan, np.where(change < 0, flow, 0.0)), ones)
    return [100 * ratio(into, into + out, 0.5)]


def session_vwap(bars: Candles) -> Columns:
    starts = _runs(ist_day(bars.t))
    return [ratio(_since(_typical(bars) * bars.v, starts), _since(bars.v.astype(np.float64), starts), np.nan)]


def on_balance_volume(bars: Candles) -> Columns:
    days = ist_day(bars.t)
    intraday = bool(np.any(days[1:] == days[:-1]))
    groups = days if intraday else np.array([day_of(int(t)).year for t in bars.t], np.int64)
    starts = _runs(groups)
    signed: Floats = np.sign(np.diff(bars.c, prepend=0.0)) * bars.v.astype(np.float64)
    signed[starts] = 0.0
    return [_since(signed, starts)]


def open_interest_change(bars: Candles) -> Columns:
    return [np.full(len(bars), np.nan) if bars.oi is None else np.diff(bars.oi.astype(np.float64), prepend=np.nan)]


def pivots(bars: Candles) -> Columns:
    """From the high, low and close of the day before; of bars of a day and longer, from the bar before."""
    size = len(bars)
    if not size:
        return [np.empty(0) for _ in range(5)]
    starts = _runs(ist_day(bars.t))
    ends = np.append(starts[1:], size) - 1
    high, low, close = np.maximum.reduceat(bars.h, starts), np.minimum.reduceat(bars.l, starts), bars.c[ends]
    p = (high + low + close) / 3
    levels = (p, 2 * p - low, 2 * p - high, p + (high - low), p - (high - low))
    counts = np.diff(np.append(starts, size))
    return [np.repeat(before(level, 1), counts) for level in levels]


def supertrend(bars: Candles, length: int, width: float) -> Columns:
    """The band that the close has not crossed, and 1 while it lies below the price, -1 while above."""
    size = len(bars)
    spread = width * wilder(true_range(bars), length)
    middle = (bars.h + bars.l) / 2
    basic_upper, basic_lower, close = (middle + spread).tolist(), (middle - spread).tolist(), bars.c.tolist()
    line, trend = np.full(size, np.nan), np.full(size, np.nan)
    upper, lower, direction = float("inf"), float("-inf"), 1
    # Each band depends on the one before: there is no closed form to vectorise.
    for i in range(length, size):
        upper = basic_upper[i] if basic_upper[i] < upper or close[i - 1] > upper else upper
        lower = basic_lower[i] if basic_lower[i] > lower or close[i - 1] < lower else lower
        if direction > 0 and close[i] < lower:
            direction = -1
        elif direction < 0 and close[i] > upper:
            direction = 1
        line[i], trend[i] = (lower if direction > 0 else upper), direction
    return [line, trend]


def _wma(values: Floats, length: int) -> Floats:
    weights = np.arange(1.0, length + 1)
    return weighted(values, weights / weights.sum())


def _typical(bars: Candles) -> Floats:
    return (bars.h + bars.l + bars.c) / 3


def _runs(groups: Integers) -> Integers:
    """Where each run of equal numbers begins."""
    if not len(groups):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))


def _since(values: Floats, starts: Integers) -> Floats:
    """Running sums that begin anew at every start."""
    total: Floats = np.cumsum(values)
    offsets = total[starts] - values[starts]
    return total - np.repeat(offsets, np.diff(np.append(starts, len(values))))


Formula = Callable[..., Columns]
