"""The loop that makes the market move: due prints as ticks, quote updates up to the wanted rate, bars as they close."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Protocol

import numpy as np

from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.day_path import DayPath
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import INTERVAL_SECONDS, BarInterval, Bars, ClosedBar, Snapshot, Tick
from breeze_simulator.domain.quoting import DayFacts, Position
from breezeway import cancellation
from breezeway.clock import IST, ClockMapping

EmitTicks = Callable[[Sequence[Tick]], Awaitable[None]]
EmitBars = Callable[[Sequence[ClosedBar]], Awaitable[None]]

BEAT_SECONDS: Final = 0.05
_LARGEST_DEBT_SECONDS: Final = 1.0
_LONGEST_STEP_SECONDS: Final = 20


class Paths(Protocol):
    """What the loop asks of the market."""

    def facts(self, i: Instrument, day: date) -> DayFacts: ...

    def position(self, facts: DayFacts, second: int) -> Position | None: ...

    def after(self, path: DayPath, position: Position | None) -> Position | None: ...

    def quote(
        self, i: Instrument, facts: DayFacts, position: Position | None, second: int, turn: int = 0
    ) -> Snapshot: ...

    def day_bars(self, i: Instrument, interval: BarInterval, day: date, start: int, end: int) -> Bars: ...

    def closing_times(self, i: Instrument, interval: BarInterval, day: date, bars: Bars) -> np.ndarray: ...


@dataclass(slots=True)
class _Watched:
    """A listened-to instrument: the newest print that was sent and the next one that will be."""

    instrument: Instrument
    listeners: int = 0
    facts: DayFacts | None = None
    last: Position | None = None
    following: Position | None = None


@dataclass(slots=True)
class _WatchedBars:
    instrument: Instrument
    interval: BarInterval
    listeners: int = 0


@dataclass(slots=True)
class _Moment:
    """Where the loop has got to: everything up to `second` has been sent."""

    mapping: ClockMapping | None = None
    second: int = 0
    day: date = field(default=date.min)


class LiveLoop:
    """Not thread-safe; watching and running happen on one event loop."""

    def __init__(self, clock: SimClock, paths: Paths, tick_rate: float) -> None:
        self.tick_rate = tick_rate
        self._clock = clock
        self._paths = paths
        self._watched: dict[str, _Watched] = {}
        self._bars: dict[tuple[str, BarInterval], _WatchedBars] = {}
        self._at = _Moment()
        self._turn = 0
        self._debt = 0.0

    def watch(self, i: Instrument) -> None:
        watched = self._watched.get(i.key)
        if watched is None:
            watched = self._watched[i.key] = _Watched(i)
            self._place(watched, self._started_at())
        watched.listeners += 1

    def unwatch(self, i: Instrument) -> None:
        watched = self._watched.get(i.key)
        if watched is not None:
            watched.listeners -= 1
            if watched.listeners <= 0:
                del self._watched[i.key]

    def watch_bars(self, i: Instrument, interval: BarInterval) -> None:
        watched = self._bars.setdefault((i.key, interval), _WatchedBars(i, interval))
        watched.listeners += 1

    def unwatch_bars(self, i: Instrument, interval: BarInterval) -> None:
        watched = self._bars.get((i.key, interval))
        if watched is not None:
            watched.listeners -= 1
            if watched.listeners <= 0:
                del self._bars[i.key, interval]

    async def run(self, emit: EmitTicks, emit_bars: EmitBars | None) -> None:
        """Until cancelled. What `emit` raises ends the loop: its owner decides."""
        beat = time.monotonic()
        while True:
            cancellation.heed()
            await asyncio.sleep(max(beat + BEAT_SECONDS - time.monotonic(), 0.001))
            now = time.monotonic()
            ticks, bars = self.step(now - beat)
            beat = now
            if ticks:
                await emit(ticks)
            if bars and emit_bars is not None:
                await emit_bars(bars)

    def step(self, elapsed: float) -> tuple[list[Tick], list[ClosedBar]]:
        """Everything due since the last step; `elapsed` is wall seconds, from which quote updates are rationed."""
        since, second = self._advance()
        ticks = self._due_prints(second)
        self._debt = min(self._debt + self.tick_rate * elapsed - len(ticks), self.tick_rate * _LARGEST_DEBT_SECONDS)
        self._debt = max(self._debt, -self.tick_rate * _LARGEST_DEBT_SECONDS)
        if self._debt >= 1 and self._watched:
            ticks.extend(self._quote_updates(int(self._debt), second))
        bars = self._closed_bars(since, second) if self._bars and second > since else []
        return ticks, bars

    def _advance(self) -> tuple[int, int]:
        """Move to the clock's second and return the one that was reached before.

        When the clock was set or a replay started over, nothing between is sent: listeners find themselves in the new
        moment. A new day of the same clock starts with its first print.
        """
        mapping, now = self._clock.mapping(), self._clock.now()
        second, day = int(now.timestamp()), now.date()
        since = self._at.second
        if mapping != self._at.mapping or second < since:
            since = int(mapping.exchange_anchor.timestamp()) - 1
        # Asleep for long (a suspended machine), or started long after the clock: what was missed stays missed.
        if second - since > _LONGEST_STEP_SECONDS * (1 + mapping.speed):
            since = second - 1
        if since != self._at.second or day != self._at.day:
            self._at = _Moment(mapping, since, day)
            for watched in self._watched.values():
                self._place(watched, self._at)
        self._at.mapping, self._at.second = mapping, second
        return since, second

    def _started_at(self) -> _Moment:
        if self._at.mapping is not None:
            return self._at
        now = self._clock.now()
        return _Moment(None, int(now.timestamp()), now.date())

    def _place(self, watched: _Watched, at: _Moment) -> None:
        facts = self._paths.facts(watched.instrument, at.day)
        watched.facts = facts
        watched.last = self._paths.position(facts, at.second)
        watched.following = self._paths.after(facts.path, watched.last)

    def _due_prints(self, second: int) -> list[Tick]:
        due: list[tuple[int, Tick]] = []
        for watched in self._watched.values():
            following, facts = watched.following, watched.facts
            while following is not None and facts is not None:
                when = following.block.time.item(following.index)
                if when > second:
                    break
                quote = self._paths.quote(watched.instrument, facts, following, when)
                due.append((when, Tick(watched.instrument, datetime.fromtimestamp(when, IST), quote)))
                watched.last = following
                following = self._paths.after(facts.path, following)
            watched.following = following
        due.sort(key=_when)
        return [tick for _, tick in due]

    def _quote_updates(self, wanted: int, second: int) -> list[Tick]:
        """The last trade again under a fresh bid and offer, in turn over all watched instruments in session.

        The trade's own time and the day's volume stay, so a bar folded by event time does not notice.
        """
        updates: list[Tick] = []
        watched = list(self._watched.values())
        at = datetime.fromtimestamp(second, IST)
        minute = at.hour * 60 + at.minute
        # One more round than wanted, because those out of session are passed over.
        for _ in range(wanted + len(watched)):
            if len(updates) == wanted:
                break
            self._turn += 1
            chosen = watched[self._turn % len(watched)]
            facts = chosen.facts
            if facts is None or chosen.last is None or not facts.first_minute <= minute <= facts.last_minute:
                continue
            quote = self._paths.quote(chosen.instrument, facts, chosen.last, second, self._turn % 64)
            updates.append(Tick(chosen.instrument, at, quote))
        self._debt -= len(updates)
        return updates

    def _closed_bars(self, since: int, second: int) -> list[ClosedBar]:
        closed: list[ClosedBar] = []
        for watched in self._bars.values():
            i, interval = watched.instrument, watched.interval
            # What closes after `since` began no earlier than one bar's length before it.
            bars = self._paths.day_bars(i, interval, self._at.day, since - INTERVAL_SECONDS[interval], second)
            if not len(bars):
                continue
            ends = self._paths.closing_times(i, interval, self._at.day, bars)
            for row in np.flatnonzero((ends > since) & (ends <= second)):
                closed.append(_closed_bar(i, interval, bars, int(row)))
        closed.sort(key=lambda bar: bar.start)
        return closed


def _when(due: tuple[int, Tick]) -> int:
    return due[0]


def _closed_bar(i: Instrument, interval: BarInterval, bars: Bars, row: int) -> ClosedBar:
    return ClosedBar(
        instrument=i,
        interval=interval,
        start=datetime.fromtimestamp(int(bars.time[row]), IST),
        open=float(bars.open[row]),
        high=float(bars.high[row]),
        low=float(bars.low[row]),
        close=float(bars.close[row]),
        volume=int(bars.volume[row]),
        oi=None if bars.oi is None else int(bars.oi[row]),
    )
