"""What shares and derivatives are priced from: a level a day, from files where they exist, else generated."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np

from breeze_simulator.domain.character import Character
from breeze_simulator.domain.closes import ANCHOR_DAY, CloseChain
from breeze_simulator.domain.courses import CourseGenerator
from breeze_simulator.domain.day_path import Course, Floats, Ints
from breeze_simulator.domain.lru import Lru
from breeze_simulator.domain.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Underlying:
    """A name whose price moves. `exchange` is NSE, BSE or MCX; `cas` means that its cash session ends in an auction."""

    symbol: str
    exchange: str
    character: Character
    book_price: float
    cas: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SourceDay:
    """One day of real bars as they stand in a file; minutes count from IST midnight."""

    minute: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Ints
    oi: Ints | None


class PriceSource(Protocol):
    """Real bars by exchange symbol."""

    def symbols(self) -> Collection[str]:
        """Every symbol that has bars."""
        ...

    def day(self, symbol: str, day: date) -> SourceDay | None:
        """The bars of a day, `None` where the file has none."""
        ...

    def anchor(self, symbol: str, day: date) -> tuple[date, float] | None:
        """The newest (day, close) not after `day`, else the first day that there is with its first open."""
        ...


class NoSource:
    """Nothing real: everything is generated."""

    def symbols(self) -> Collection[str]:
        return ()

    def day(self, symbol: str, day: date) -> SourceDay | None:
        return None

    def anchor(self, symbol: str, day: date) -> tuple[date, float] | None:
        return None


class Courses:
    """Levels at the close and courses through the day of every underlying."""

    def __init__(self, seed: int, sessions: Sessions, source: PriceSource) -> None:
        self._chain = CloseChain(seed)
        self._generator = CourseGenerator(seed)
        self._sessions = sessions
        self._source = source
        self._courses: Lru[tuple[str, str, date], Course] = Lru(512)
        self._axes: Lru[date, Ints] = Lru(512)

    def level(self, underlying: Underlying, day: date) -> float:
        """The close of `day`, not rounded: a file's own where it has the day, else chained onto the file's nearest."""
        anchor = self._source.anchor(underlying.symbol, day)
        since, price = anchor if anchor is not None else (ANCHOR_DAY, underlying.book_price)
        if since == day:
            return price
        return price * self._chain.ratio(underlying.symbol, underlying.character, day, since)

    def previous_level(self, underlying: Underlying, day: date) -> float:
        return self.level(underlying, self._sessions.previous_day(day))

    def course(self, underlying: Underlying, day: date) -> Course | None:
        """The way through `day` on every minute of its cash and derivatives sessions; `None` when none trades."""
        key = (underlying.exchange, underlying.symbol, day)
        known = self._courses.get(key)
        if known is None:
            known = self._make(underlying, day)
            if known is not None:
                self._courses.put(key, known)
        return known

    def _make(self, underlying: Underlying, day: date) -> Course | None:
        minutes = self._axis(underlying, day)
        real = self._source.day(underlying.symbol, day)
        if real is not None:
            return _filled(real, np.union1d(minutes, real.minute))
        if not len(minutes):
            return None
        commodity = underlying.symbol if underlying.exchange == "MCX" else None
        cash = self._sessions.minutes(underlying.exchange, day, cas_eligible=underlying.cas, commodity=commodity)
        return self._generator.course(
            underlying.symbol,
            underlying.character,
            day,
            minutes,
            int(cash[-1]) if len(cash) else int(minutes[-1]),
            self.previous_level(underlying, day),
            self.level(underlying, day),
        )

    def _axis(self, underlying: Underlying, day: date) -> Ints:
        if underlying.exchange == "MCX":
            return self._sessions.minutes("MCX", day, commodity=underlying.symbol)
        # NSE's hours serve BSE too: a company has one price, so it must have one course.
        axis = self._axes.get(day)
        if axis is None:
            axis = np.union1d(self._sessions.minutes("NSE", day), self._sessions.minutes("NFO", day))
            self._axes.put(day, axis)
        return axis


def _filled(real: SourceDay, minutes: Ints) -> Course:
    """Real bars on every minute: one without a bar stands still at the last close."""
    at = np.searchsorted(real.minute, minutes, side="right") - 1
    has_bar = (at >= 0) & (real.minute[np.maximum(at, 0)] == minutes)
    still = np.where(at >= 0, real.close[np.maximum(at, 0)], real.open[0])
    row = np.maximum(at, 0)
    total = float(real.volume.sum())
    if total > 0:
        activity = np.where(has_bar, real.volume[row] / total, 0.0)
    else:
        activity = np.where(has_bar, 1.0 / len(real.minute), 0.0)
    return Course(
        minutes,
        np.where(has_bar, real.open[row], still),
        np.where(has_bar, real.high[row], still),
        np.where(has_bar, real.low[row], still),
        np.where(has_bar, real.close[row], still),
        activity,
    )
