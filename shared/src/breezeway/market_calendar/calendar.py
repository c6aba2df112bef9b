"""Which sessions a segment has on a day, and what it is doing at an instant.

Bars are cut by `continuous`: [open, close) pairs of the day, in which orders match continuously. A closing
auction prints one price outside of them; it belongs to the daily bar, not to a minute.

Years beyond `known_until` have no holidays in the data: weekdays then count as trading days, and the caller who
plans so far ahead compares with `known_until`.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from breezeway.clock import IST, ist_datetime
from breezeway.errors import NotFound
from breezeway.market_calendar.loader import CalendarData, Slots, Timetable, load_calendar_data
from breezeway.market_calendar.model import (
    MCX_SEGMENTS,
    TRADING_KINDS,
    Phase,
    Segment,
    Session,
    SessionKind,
    segment_of,
)
from breezeway.symbols import FutureSymbol, OptionSymbol, parse_symbol

_NEW_YORK = ZoneInfo("America/New_York")
_MCX_CLOSE_SUMMER = time(23, 30)
_MCX_CLOSE_WINTER = time(23, 55)
_MCX_EVENING_OPEN = time(17, 0)
_SEARCH_DAYS = 60
"""No exchange has stayed shut for longer than this, so a search that goes further has left the calendar."""


class MarketCalendar:
    """Immutable once built; safe to share between tasks and threads."""

    def __init__(self, data: CalendarData) -> None:
        self._data = data
        self._days: dict[tuple[Segment, date, bool], tuple[Session, ...]] = {}
        self._openings: dict[tuple[Segment, date], int | None] = {}
        self._tables = {segment: sorted(tables.items()) for segment, tables in data.timetables.items()}
        self.version = "+".join(data.versions)
        self.known_until = data.known_until

    @classmethod
    def default(cls) -> "MarketCalendar":
        """The package's own calendar, read on first use."""
        return _default()

    @classmethod
    def load(cls, extra: Path | None = None) -> Self:
        """The package's calendar, extended or corrected by the files of a folder.

        Raises:
            Misconfigured: `invalid_calendar`.
        """
        return cls(load_calendar_data(extra))

    def segment_of(self, exchange: str, underlying: str | None = None) -> Segment:
        """The segment whose hours an instrument keeps.

        Args:
            exchange: as in canonical symbols.
            underlying: its exchange symbol, of a derivative.

        Raises:
            InvalidInput: `invalid_symbol`, for an exchange we do not know.
        """
        segment = segment_of(exchange)
        if segment is Segment.MCX and underlying is not None:
            return self._data.commodities.get(underlying, segment)
        return segment

    def segment_of_symbol(self, symbol: str) -> Segment:
        """The segment whose hours the instrument of a canonical symbol keeps.

        Raises:
            InvalidInput: `invalid_symbol`.
        """
        exchange = symbol.partition(":")[0]
        if exchange != Segment.MCX:
            return segment_of(exchange)
        parsed = parse_symbol(symbol)
        return self.segment_of(exchange, parsed.underlying if isinstance(parsed, FutureSymbol | OptionSymbol) else None)

    def sessions(self, segment: Segment, day: date, *, cas_eligible: bool = False) -> tuple[Session, ...]:
        """The day's sessions in order; none on a day without trading.

        Args:
            cas_eligible: whether the instrument takes part in the closing auction session (cash, since 2026-08-03).
        """
        key = (segment, day, cas_eligible)
        known = self._days.get(key)
        if known is None:
            known = self._days[key] = self._build(segment, day, cas_eligible)
        return known

    def continuous(self, segment: Segment, day: date, *, cas_eligible: bool = False) -> list[tuple[datetime, datetime]]:
        """[open, close) of every stretch of continuous matching of the day, aware in IST."""
        sessions = self.sessions(segment, day, cas_eligible=cas_eligible)
        return [(session.start, session.end) for session in sessions if session.kind in TRADING_KINDS]

    def is_trading_day(self, segment: Segment, day: date) -> bool:
        return self.opening(segment, day) is not None

    def opening(self, segment: Segment, day: date) -> int | None:
        """When continuous matching begins, in epoch seconds; None on a day without trading.

        Remembered apart from the sessions: whoever aggregates years of bars asks for every single day.
        """
        key = (segment, day)
        if key not in self._openings:
            stretches = self.continuous(segment, day)
            self._openings[key] = int(stretches[0][0].timestamp()) if stretches else None
        return self._openings[key]

    def day_name(self, segment: Segment, day: date) -> str | None:
        """The name of the holiday or special session, if the day is one."""
        special = self._data.specials.get((segment, day))
        if special is not None:
            return special.name
        holiday = self._data.holidays.get((segment, day))
        return holiday.name if holiday is not None else None

    def session_at(self, segment: Segment, at: datetime, *, cas_eligible: bool = False) -> Session | None:
        """The session that is on at `at` (any aware time), if any."""
        for session in self.sessions(segment, at.astimezone(IST).date(), cas_eligible=cas_eligible):
            if at in session:
                return session
        return None

    def phase(self, segment: Segment, at: datetime, *, cas_eligible: bool = False) -> Phase:
        """What the segment is doing at `at` (any aware time)."""
        session = self.session_at(segment, at, cas_eligible=cas_eligible)
        return Phase(session.kind.value) if session is not None else Phase.CLOSED

    def trading_days(self, segment: Segment, start: date, end: date) -> list[date]:
        """Trading days from `start` to `end`, both inclusive."""
        return [day for day in _days_from(start, 1, (end - start).days + 1) if self.is_trading_day(segment, day)]

    def previous_trading_day(self, segment: Segment, day: date) -> date:
        """The last trading day before `day`.

        Raises:
            NotFound: `no_trading_day`, before the calendar begins.
        """
        return self._search(segment, day, -1)

    def next_trading_day(self, segment: Segment, day: date) -> date:
        """The first trading day after `day`.

        Raises:
            NotFound: `no_trading_day`.
        """
        return self._search(segment, day, 1)

    def settlement_day(self, segment: Segment, day: date) -> date:
        """When what is traded on `day` is paid and delivered (T+1): the next trading day on which banks settle.

        Raises:
            NotFound: `no_trading_day`.
        """
        settles = self.next_trading_day(segment, day)
        while settles in self._data.unsettled:
            settles = self.next_trading_day(segment, settles)
        return settles

    def next_open(self, segment: Segment, at: datetime, *, cas_eligible: bool = False) -> datetime:
        """When continuous matching next begins, strictly after `at`.

        Raises:
            NotFound: `no_trading_day`.
        """
        for opens, _ in self._stretches_from(segment, at, cas_eligible):
            if opens > at:
                return opens
        raise _none_found(segment, at.astimezone(IST).date())

    def next_close(self, segment: Segment, at: datetime, *, cas_eligible: bool = False) -> datetime:
        """When continuous matching next ends, strictly after `at`.

        Raises:
            NotFound: `no_trading_day`.
        """
        for _, closes in self._stretches_from(segment, at, cas_eligible):
            if closes > at:
                return closes
        raise _none_found(segment, at.astimezone(IST).date())

    def _stretches_from(
        self, segment: Segment, at: datetime, cas_eligible: bool
    ) -> Iterator[tuple[datetime, datetime]]:
        for day in _days_from(at.astimezone(IST).date(), 1, _SEARCH_DAYS):
            yield from self.continuous(segment, day, cas_eligible=cas_eligible)

    def _search(self, segment: Segment, day: date, step: int) -> date:
        for candidate in _days_from(day + timedelta(days=step), step, _SEARCH_DAYS):
            if self.is_trading_day(segment, candidate):
                return candidate
        raise _none_found(segment, day)

    def _build(self, segment: Segment, day: date, cas_eligible: bool) -> tuple[Session, ...]:
        table = self._timetable(segment, day)
        if table is None:
            return ()
        ordinary = table.cas_eligible if cas_eligible else table.ordinary
        special = self._data.specials.get((segment, day))
        if special is not None:
            return _sessions(segment, day, special.slots if special.slots is not None else ordinary)
        if day.weekday() >= 5:
            return ()
        holiday = self._data.holidays.get((segment, day))
        if holiday is None:
            return _sessions(segment, day, ordinary)
        if segment in MCX_SEGMENTS and holiday.evening_open:
            opens, closes = ist_datetime(day, _MCX_EVENING_OPEN), ist_datetime(day, ordinary[-1].end or _mcx_close(day))
            # What closes at five has no evening.
            return (Session(opens, closes, SessionKind.CONTINUOUS, "evening"),) if opens < closes else ()
        return ()

    def _timetable(self, segment: Segment, day: date) -> Timetable | None:
        found = None
        for first, table in self._tables.get(segment, ()):
            if first > day:
                break
            found = table
        return found


def _sessions(segment: Segment, day: date, slots: Slots) -> tuple[Session, ...]:
    return tuple(
        Session(
            ist_datetime(day, slot.start),
            ist_datetime(day, slot.end if slot.end is not None else _close(segment, day)),
            slot.kind,
            slot.name,
        )
        for slot in slots
    )


def _close(segment: Segment, day: date) -> time:
    return _mcx_close(day) if segment is Segment.MCX else time(15, 30)


def _mcx_close(day: date) -> time:
    # The evening is New York's morning, so its daylight saving time decides, not ours.
    saving = datetime.combine(day, time(12), tzinfo=_NEW_YORK).dst()
    return _MCX_CLOSE_SUMMER if saving else _MCX_CLOSE_WINTER


def _days_from(start: date, step: int, count: int) -> Iterator[date]:
    for offset in range(count):
        yield start + timedelta(days=offset * step)


def _none_found(segment: Segment, day: date) -> NotFound:
    return NotFound(f"The calendar has no trading day of {segment} near {day}.", code="no_trading_day")


@cache
def _default() -> MarketCalendar:
    # Immutable data of the package itself: reading it once per process is no more state than importing a module is.
    return MarketCalendar.load()
