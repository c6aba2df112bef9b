"""Folds a stream of trades of one instrument into bars, by event time.

Rules:

* A bar is labelled by its start: event time rounded down to the interval. The first tick of a later bar closes the
  one that is forming. Nothing closes by the wall clock here; a caller whose market fell silent calls `close_until`.
* Volume comes cumulative for the day, as the exchange sends it. A bar's volume is the growth of that number since the
  last tick before the bar. The first tick ever seen sets the mark without counting, unless it is known to start the
  day (`day_start_volume=0`), because volume traded before we listened belongs to no bar that we saw. On a new IST day
  the counter starts at 0.
* A tick exactly equal to the one before (time, price, cumulative volume, open interest) is a duplicate and ignored.
* A *late* tick, whose bar has been closed, corrects that bar as long as it is the last one closed: its high and low
  are widened, and its close is replaced when the tick is the latest of that bar. The corrected bar is emitted again,
  marked `correction`. A volume first seen late is given to the bar that is forming when the counter next grows; it is
  never lost and never counted twice. Ticks later than that are dropped and counted in `dropped`.
* Inside the forming bar a tick that is older than the latest one widens high and low, becomes the open when it is
  older than the first, and does not touch the close.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from breezeway.clock import IST_OFFSET_SECONDS

_DAY_MS = 86_400_000
_IST_MS = IST_OFFSET_SECONDS * 1000


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of one instrument; `t` is its start in epoch seconds UTC."""

    t: int
    o: float
    h: float
    l: float  # noqa: E741  the field's name in every answer and table
    c: float
    v: int
    oi: int | None
    closed: bool
    correction: bool = False


@dataclass(slots=True)
class _Forming:
    t: int
    o: float
    h: float
    low: float
    c: float
    v: int
    oi: int | None
    first_ms: int
    last_ms: int

    def bar(self, *, closed: bool, correction: bool = False) -> Bar:
        return Bar(self.t, self.o, self.h, self.low, self.c, self.v, self.oi, closed, correction)


class BarFolder:
    """Bars of one instrument and one interval (1 s or 1 minute). Not thread-safe; one owner.

    Args:
        seconds: length of a bar.
        day_start_volume: the cumulative volume before the first tick; 0 at the start of a day, None when joining a
            running market.
    """

    def __init__(self, seconds: Literal[1, 60], *, day_start_volume: int | None = None) -> None:
        self._ms = seconds * 1000
        self._cumulative = day_start_volume
        self._day: int | None = None
        self._forming: _Forming | None = None
        self._closed: _Forming | None = None
        self._last: tuple[int, float, int | None, int | None] | None = None
        self.dropped = 0
        self.duplicates = 0

    @property
    def forming(self) -> Bar | None:
        """The bar that is not closed yet."""
        return self._forming.bar(closed=False) if self._forming is not None else None

    def add(self, at_ms: int, price: float, volume: int | None = None, oi: int | None = None) -> list[Bar]:
        """Fold one trade; the bars that it closed or corrected, oldest first.

        Args:
            at_ms: event time, epoch milliseconds UTC.
            price: last traded price.
            volume: cumulative volume of the day, None for an instrument without (an index).
            oi: open interest.
        """
        tick = (at_ms, price, volume, oi)
        if tick == self._last:
            self.duplicates += 1
            return []
        label = at_ms // self._ms * self._ms // 1000
        if self._forming is not None and label < self._forming.t:
            return self._late(label, at_ms, price)
        if self._forming is None and self._closed is not None and label <= self._closed.t:
            return self._late(label, at_ms, price)
        self._last = tick
        grown = self._growth(at_ms, volume)
        if self._forming is not None and label == self._forming.t:
            self._extend(self._forming, at_ms, price, oi)
            self._forming.v += grown
            return []
        closed = self.close()
        self._forming = _Forming(label, price, price, price, price, grown, oi, at_ms, at_ms)
        return closed

    def close(self) -> list[Bar]:
        """Close the forming bar, if there is one."""
        if self._forming is None:
            return []
        self._closed, self._forming = self._forming, None
        return [self._closed.bar(closed=True)]

    def close_until(self, now_ms: int) -> list[Bar]:
        """Close the forming bar when exchange time `now_ms` has passed its end."""
        if self._forming is not None and now_ms >= self._forming.t * 1000 + self._ms:
            return self.close()
        return []

    def _growth(self, at_ms: int, volume: int | None) -> int:
        day = (at_ms + _IST_MS) // _DAY_MS
        if self._day is not None and day > self._day:
            self._cumulative = 0
        self._day = day
        if volume is None:
            return 0
        before, self._cumulative = self._cumulative, max(volume, self._cumulative or 0)
        return 0 if before is None else self._cumulative - before

    def _late(self, label: int, at_ms: int, price: float) -> list[Bar]:
        if self._closed is None or label != self._closed.t:
            self.dropped += 1
            return []
        before = replace(self._closed)
        self._extend(self._closed, at_ms, price, self._closed.oi)
        if self._closed.bar(closed=True) == before.bar(closed=True):
            return []
        return [self._closed.bar(closed=True, correction=True)]

    @staticmethod
    def _extend(bar: _Forming, at_ms: int, price: float, oi: int | None) -> None:
        bar.h = max(bar.h, price)
        bar.low = min(bar.low, price)
        if at_ms >= bar.last_ms:
            bar.c, bar.last_ms = price, at_ms
            bar.oi = oi if oi is not None else bar.oi
        if at_ms < bar.first_ms:
            bar.o, bar.first_ms = price, at_ms


def fold(
    ticks: Iterable[tuple[int, float, int | None, int | None]],
    seconds: Literal[1, 60],
    *,
    day_start_volume: int | None = None,
) -> list[Bar]:
    """All bars of a finished stream of (event ms, price, cumulative volume, open interest), corrections applied."""
    folder = BarFolder(seconds, day_start_volume=day_start_volume)
    bars: dict[int, Bar] = {}
    for at_ms, price, volume, oi in ticks:
        for bar in folder.add(at_ms, price, volume, oi):
            bars[bar.t] = replace(bar, correction=False)
    for bar in folder.close():
        bars[bar.t] = bar
    return [bars[t] for t in sorted(bars)]
