"""Bars of one day, cut from its minutes, and second bars, folded from its prints."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breeze_simulator.domain.day_path import DayPath, Ints
from breeze_simulator.domain.market_types import INTERVAL_SECONDS, BarInterval, Bars
from breeze_simulator.domain.prints import PrintBlock

NO_BARS: Final = Bars(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))


def minute_bars(path: DayPath) -> Bars:
    """The path's own minutes."""
    time = path.midnight + path.minute * 60
    return Bars(time, path.open, path.high, path.low, path.close, path.volume, path.oi)


def session_bars(path: DayPath, interval: BarInterval, session: Ints, auction: Ints) -> Bars:
    """5-minute, 30-minute or day bars of the continuous session, anchored at its first minute.

    `auction` are the minutes in which a closing auction may print: they make the day's close and a bar of their own.

    Source minutes outside of the session (pre-open prints) belong to no coarser bar, unless the calendar knows of no
    session at all on a day for which a source has bars.
    """
    bars = minute_bars(path)
    if not len(bars):
        return bars
    inside = _within(path.minute, session) | _within(path.minute, auction)
    if inside.any():
        bars = _pick(bars, inside)
        anchor = path.midnight + int(session[0] if len(session) else path.minute[inside][0]) * 60
    else:
        anchor = int(bars.time[0])
    if interval == "1day":
        return fold(bars, np.full(len(bars), path.midnight))
    seconds = INTERVAL_SECONDS[interval]
    return fold(bars, anchor + (bars.time - anchor) // seconds * seconds)


def second_bars(path: DayPath, block: PrintBlock) -> Bars:
    """One bar for each second in which a print of the block fell."""
    price = block.price
    oi = None if path.oi is None else path.oi[block.row]
    return fold(Bars(block.time, price, price, price, price, block.quantity, oi), block.time)


def fold(bars: Bars, labels: Ints) -> Bars:
    """One bar for each run of equal labels, which must not descend."""
    if not len(bars):
        return bars
    starts = np.flatnonzero(np.append(True, np.diff(labels) != 0))
    ends = np.append(starts[1:], len(labels)) - 1
    return Bars(
        labels[starts],
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends],
        np.add.reduceat(bars.volume, starts),
        None if bars.oi is None else bars.oi[ends],
    )


def concat(parts: list[Bars]) -> Bars:
    """One after the other; all of one instrument, so either all or none have open interest."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return NO_BARS
    if len(parts) == 1:
        return parts[0]
    interests = [part.oi for part in parts if part.oi is not None]
    return Bars(
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.open for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.close for part in parts]),
        np.concatenate([part.volume for part in parts]),
        np.concatenate(interests) if len(interests) == len(parts) else None,
    )


def _within(minutes: Ints, session: Ints) -> NDArray[np.bool_]:
    if not len(session):
        return np.zeros(len(minutes), dtype=np.bool_)
    inside: NDArray[np.bool_] = (minutes >= session[0]) & (minutes <= session[-1])
    return inside


def _pick(bars: Bars, chosen: np.ndarray) -> Bars:
    return Bars(
        bars.time[chosen],
        bars.open[chosen],
        bars.high[chosen],
        bars.low[chosen],
        bars.close[chosen],
        bars.volume[chosen],
        None if bars.oi is None else bars.oi[chosen],
    )
