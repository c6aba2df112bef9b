"""Moving windows and averages. Where there are too few bars yet, the answer is NaN.

Inputs may begin with NaN, as the output of another indicator does; the averages begin after it.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from breezeway.candles.columns import Floats


def windows(values: Floats, length: int) -> Floats:
    """One row per bar from the `length`-th on: the last `length` values. A view; do not write to it."""
    if len(values) < length:
        return np.empty((0, length))
    found: Floats = sliding_window_view(values, length)
    return found


def late(values: Floats, size: int) -> Floats:
    """`values` as the end of a column of `size`, NaN before."""
    column = np.full(size, np.nan)
    if len(values):
        column[size - len(values) :] = values
    return column


def sma(values: Floats, length: int) -> Floats:
    """Simple mean."""
    return weighted(values, np.full(length, 1.0 / length))


def weighted(values: Floats, weights: Floats) -> Floats:
    """The sum of the last values times `weights`, the last weight for the newest."""
    known = _known(values)
    if len(known) < len(weights):
        return np.full(len(values), np.nan)
    # Not by a running sum: that would carry the rounding of every earlier bar into the answer.
    return late(np.convolve(known, weights[::-1], "valid"), len(values))


def ema(values: Floats, length: int) -> Floats:
    """Exponential mean with 2/(length+1), seeded by the simple mean of the first `length` values."""
    return _exponential(values, length, 2.0 / (length + 1))


def wilder(values: Floats, length: int) -> Floats:
    """Wilder's mean: exponential with 1/length, seeded alike."""
    return _exponential(values, length, 1.0 / length)


def highest(values: Floats, length: int) -> Floats:
    return late(windows(values, length).max(axis=1), len(values))


def lowest(values: Floats, length: int) -> Floats:
    return late(windows(values, length).min(axis=1), len(values))


def deviation(values: Floats, length: int) -> Floats:
    """Standard deviation of the last `length` values, of the population."""
    return late(windows(values, length).std(axis=1), len(values))


def before(values: Floats, bars: int) -> Floats:
    """The value of `bars` ago."""
    return late(values[: max(0, len(values) - bars)], len(values))


def ratio(above: Floats, below: Floats, otherwise: float) -> Floats:
    """`above / below`, and `otherwise` where that is a division by zero."""
    zero = below == 0
    found: Floats = np.where(zero, otherwise, above / np.where(zero, 1.0, below))
    return found


def _known(values: Floats) -> Floats:
    known = ~np.isnan(values)
    return values[int(np.argmax(known)) :] if known.any() else values[:0]


def _exponential(values: Floats, length: int, weight: float) -> Floats:
    known = _known(values)
    if len(known) < length:
        return np.full(len(values), np.nan)
    seed = float(known[:length].mean())
    # SciPy's signal package takes a second to load, and most processes of this service never compute an indicator.
    from scipy.signal import lfilter

    rest, _ = lfilter([weight], [1.0, weight - 1.0], known[length:], zi=[(1.0 - weight) * seed])
    return late(np.concatenate(([seed], rest)), len(values))
