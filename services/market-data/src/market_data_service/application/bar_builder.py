"""Bars of the instruments of one feed, folded from ticks by event time.

1-minute bars are built for every instrument that ticks; seconds and derived intervals only while somebody listens.
Ticks outside of continuous trading make no bar. A bar that we did not see from its first moment is published, but not
handed on to storage: history will supply it whole.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from breezeway.candles.folding import Bar, BarFolder
from breezeway.candles.resample import day_of
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.domain.derived_bars import DerivedBar, bucket_of

_GRACE_MS: Final = 2_000
"""How long after its end, by the exchange's clock, a bar waits for ticks that are still under way."""

_REWIND_MS: Final = 1_800_000
"""A tick that is so much older than the newest means that the exchange's clock was set back (a replay began again)."""

_REMEMBERED: Final = 16
"""Bars of an instrument that are kept to be compared; ours and the broker's come some seconds apart."""

Emit = Callable[[str, Interval, Bar], None]
"""Called with symbol, interval and bar for everything to be published."""


@dataclass(slots=True)
class _Minutes:
    """State of one instrument."""

    segment: Segment
    folder: BarFolder
    seconds: BarFolder | None = None
    newest_ms: int = 0
    whole_from: int = 0
    """Start (epoch seconds) of the first minute that we see from its beginning."""
    derived: dict[Interval, DerivedBar] = field(default_factory=dict)
    ours: dict[tuple[Interval, int], Bar] = field(default_factory=dict)
    """The last closed seconds and minutes that we folded, by their start."""
    told: dict[tuple[Interval, int], Bar] = field(default_factory=dict)
    """The last seconds and minutes that the broker told; they stand above ours."""
    dirty: bool = False
    day: tuple[int, int, Sequence[tuple[int, int]]] | None = None
    """Start and end (ms) of the day whose sessions are cached, and the sessions."""
    trading: tuple[int, int] = (0, 0)
    """The stretch of continuous trading (ms) that the last tick fell into; the next one most likely does too."""


class BarBuilder:
    """Not thread-safe; one owner.

    Args:
        emit: takes bars to publish.
        calendar: sessions.
    """

    def __init__(self, emit: Emit, calendar: MarketCalendar) -> None:
        self._emit = emit
        self._calendar = calendar
        self._books: dict[str, _Minutes] = {}
        self._wanted: dict[str, frozenset[Interval]] = {}
        self._finished: dict[str, list[Bar]] = {}

    @property
    def wanted(self) -> Mapping[str, frozenset[Interval]]:
        return self._wanted

    def want(self, intervals: Mapping[str, frozenset[Interval]]) -> list[tuple[str, Interval]]:
        """Replace what is listened to, by symbol; the derived bars that are new and lack what came before."""
        fresh: list[tuple[str, Interval]] = []
        for symbol, asked in intervals.items():
            known = self._wanted.get(symbol, frozenset())
            fresh += [(symbol, i) for i in sorted(asked - known) if i not in (Interval.MINUTE_1, Interval.SECOND_1)]
        self._wanted = dict(intervals)
        for symbol, book in self._books.items():
            asked = self._wanted.get(symbol, frozenset())
            book.derived = {i: bar for i, bar in book.derived.items() if i in asked}
            if not asked & {Interval.SECOND_1, Interval.SECOND_5}:
                book.seconds = None
        return fresh

    def seed(self, symbol: str, interval: Interval, minutes: Iterable[Bar], now: int) -> None:
        """Give the derived bar of exchange second `now` the minutes that were traded before it was listened to."""
        if interval not in self._wanted.get(symbol, ()):
            return
        book = self._books.get(symbol) or self._open(symbol, now * 1000)
        current = bucket_of(now, interval, book.segment, self._calendar)
        if current is None:
            return
        derived = self._derived(book, interval, now)
        if derived is not None and derived.label == current[0]:
            derived.seed(bar for bar in minutes if derived.label <= bar.t < derived.end)
            book.dirty = True

    def add(self, symbol: str, at_ms: int, price: float, volume: int | None, oi: int | None) -> None:
        """Fold one tick."""
        book = self._books.get(symbol)
        if book is None or at_ms < book.newest_ms - _REWIND_MS:
            book = self._open(symbol, at_ms)
        if not self._trading(book, at_ms):
            return
        book.newest_ms = max(book.newest_ms, at_ms)
        for bar in book.folder.add(at_ms, price, volume, oi):
            self._closed_minute(symbol, book, bar)
        asked = self._wanted.get(symbol)
        if asked and (Interval.SECOND_1 in asked or Interval.SECOND_5 in asked):
            if book.seconds is None:
                book.seconds = BarFolder(1)
            for bar in book.seconds.add(at_ms, price, volume, oi):
                self._closed_second(symbol, book, bar)
        book.dirty = True

    def confirm(self, symbol: str, interval: Interval, bar: Bar) -> None:
        """Take a finished second or minute as the broker itself tells it.

        It stands above what we folded from ticks, of which some may have been lost: where the two differ, or ours is
        not there, it is published (a second closed bar of the same start is a correction) and, a minute, stored.
        """
        book = self._books.get(symbol) or self._open(symbol, bar.t * 1000)
        if not self._trading(book, bar.t * 1000):
            return
        _remember(book.told, interval, bar)
        ours = book.ours.get((interval, bar.t))
        if ours is not None and _values(ours) == _values(bar):
            return
        if interval is Interval.MINUTE_1:
            self._finished.setdefault(symbol, []).append(bar)
        if interval in self._wanted.get(symbol, ()):
            self._emit(symbol, interval, bar)

    def tend(self, exchange_now_ms: int) -> None:
        """Close what is over by the exchange's clock, and publish what is forming and has changed."""
        for symbol, book in self._books.items():
            for bar in book.folder.close_until(exchange_now_ms - _GRACE_MS):
                self._closed_minute(symbol, book, bar)
            if book.seconds is not None:
                for bar in book.seconds.close_until(exchange_now_ms - _GRACE_MS):
                    self._closed_second(symbol, book, bar)
            self._close_derived(symbol, book, exchange_now_ms - _GRACE_MS)
            if book.dirty:
                book.dirty = False
                self._publish_forming(symbol, book)

    def break_off(self) -> None:
        """Ticks may be missing from here on: what is forming is no longer whole, and volume cannot be carried over."""
        for symbol, book in self._books.items():
            fresh = _Minutes(
                book.segment, BarFolder(60), newest_ms=book.newest_ms, derived=book.derived, told=book.told
            )
            self._books[symbol] = fresh

    def take_finished(self) -> dict[str, list[Bar]]:
        """The whole 1-minute bars, and corrections of them, since the last call, by symbol."""
        finished, self._finished = self._finished, {}
        return finished

    def give_back(self, bars: Mapping[str, Sequence[Bar]]) -> None:
        """Return bars that could not be stored; they are offered again, before newer ones."""
        for symbol, kept in bars.items():
            self._finished[symbol] = [*kept, *self._finished.get(symbol, ())][-400:]

    def _open(self, symbol: str, at_ms: int) -> _Minutes:
        segment = self._calendar.segment_of_symbol(symbol)
        book = _Minutes(segment, BarFolder(60), newest_ms=at_ms)
        self._books[symbol] = book
        return book

    def _trading(self, book: _Minutes, at_ms: int) -> bool:
        if book.trading[0] <= at_ms < book.trading[1]:
            return True
        if book.day is None or not book.day[0] <= at_ms < book.day[1]:
            day = day_of(at_ms // 1000)
            stretches = [
                (int(a.timestamp() * 1000), int(b.timestamp() * 1000))
                for a, b in self._calendar.continuous(book.segment, day)
            ]
            start = (at_ms + 19_800_000) // 86_400_000 * 86_400_000 - 19_800_000
            book.day = (start, start + 86_400_000, stretches)
        book.trading = next((each for each in book.day[2] if each[0] <= at_ms < each[1]), (0, 0))
        return book.trading[1] > 0

    def _closed_minute(self, symbol: str, book: _Minutes, bar: Bar) -> None:
        whole = 0 < book.whole_from <= bar.t
        if book.whole_from == 0:
            # The first minute of a folder was joined somewhere in its middle.
            book.whole_from = bar.t + 60
        if whole:
            _remember(book.ours, Interval.MINUTE_1, bar)
        told = book.told.get((Interval.MINUTE_1, bar.t))
        if told is not None:
            bar = told
        else:
            if whole:
                self._finished.setdefault(symbol, []).append(bar)
            self._emit(symbol, Interval.MINUTE_1, bar)
        for interval in self._wanted.get(symbol, ()):
            if interval.base is not Interval.SECOND_1 and interval is not Interval.MINUTE_1:
                self._into_derived(symbol, book, interval, bar)

    def _closed_second(self, symbol: str, book: _Minutes, bar: Bar) -> None:
        asked = self._wanted.get(symbol, frozenset())
        _remember(book.ours, Interval.SECOND_1, bar)
        told = book.told.get((Interval.SECOND_1, bar.t))
        if told is not None:
            bar = told
        elif Interval.SECOND_1 in asked:
            self._emit(symbol, Interval.SECOND_1, bar)
        if Interval.SECOND_5 in asked:
            self._into_derived(symbol, book, Interval.SECOND_5, bar)

    def _into_derived(self, symbol: str, book: _Minutes, interval: Interval, bar: Bar) -> None:
        present = book.derived.get(interval)
        if bar.correction and (present is None or not present.label <= bar.t < present.end):
            # The coarser bar that it belongs to is over; history mends it.
            return
        if present is not None and bar.t >= present.end and (done := present.bar(closed=True)) is not None:
            self._emit(symbol, interval, done)
        derived = self._derived(book, interval, bar.t)
        if derived is None:
            return
        derived.put(bar)
        if bar.closed and bar.t + (interval.base.seconds or 60) >= derived.end:
            self._finish_derived(symbol, book, interval, derived)

    def _derived(self, book: _Minutes, interval: Interval, t: int) -> DerivedBar | None:
        """The derived bar that covers `t`, unless a later one is forming already."""
        present = book.derived.get(interval)
        if present is not None and present.label <= t < present.end:
            return present
        bucket = bucket_of(t, interval, book.segment, self._calendar)
        if bucket is None or (present is not None and bucket[0] < present.label):
            return None
        book.derived[interval] = DerivedBar(*bucket)
        return book.derived[interval]

    def _close_derived(self, symbol: str, book: _Minutes, now_ms: int) -> None:
        for interval, derived in list(book.derived.items()):
            if now_ms >= derived.end * 1000 and book.newest_ms >= derived.label * 1000:
                self._finish_derived(symbol, book, interval, derived)

    def _finish_derived(self, symbol: str, book: _Minutes, interval: Interval, derived: DerivedBar) -> None:
        del book.derived[interval]
        if (done := derived.bar(closed=True)) is not None:
            self._emit(symbol, interval, done)

    def _publish_forming(self, symbol: str, book: _Minutes) -> None:
        asked = self._wanted.get(symbol)
        if not asked:
            return
        minute = book.folder.forming
        second = book.seconds.forming if book.seconds is not None else None
        for interval in asked:
            base = second if interval.base is Interval.SECOND_1 else minute
            if base is None:
                continue
            if interval in (Interval.MINUTE_1, Interval.SECOND_1):
                self._emit(symbol, interval, base)
                continue
            self._into_derived(symbol, book, interval, base)
            derived = book.derived.get(interval)
            forming = derived.bar(closed=False) if derived is not None else None
            if forming is not None:
                self._emit(symbol, interval, forming)


def _remember(bars: dict[tuple[Interval, int], Bar], interval: Interval, bar: Bar) -> None:
    bars[interval, bar.t] = bar
    if len(bars) > _REMEMBERED:
        del bars[next(iter(bars))]


def _values(bar: Bar) -> tuple[int, float, float, float, float, int]:
    return bar.t, bar.o, bar.h, bar.l, bar.c, bar.v
