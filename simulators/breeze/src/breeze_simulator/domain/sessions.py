"""The simulator's view of the market calendar: which minutes of which day a product trades."""

from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breeze_simulator.domain.lru import Lru
from breezeway.clock import IST
from breezeway.errors import NotFound
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment, SessionKind

SEGMENTS: Final = {
    "NSE": Segment.NSE,
    "BSE": Segment.BSE,
    "NFO": Segment.NFO,
    "BFO": Segment.BFO,
    "MCX": Segment.MCX,
    "NDX": Segment.CDS,
}
_MATCHING: Final = "matching"
_CACHED_DAYS: Final = 2048
_OPEN: Final = time(9, 15)
_CLOSE: Final = time(15, 40)


class Sessions:
    """Trading days and minutes; a minute is counted from IST midnight."""

    def __init__(self, calendar: MarketCalendar) -> None:
        self._calendar = calendar
        self._minutes: Lru[tuple[str, date, bool, str | None], NDArray[np.int64]] = Lru(_CACHED_DAYS)
        self._auctions: Lru[tuple[str, date], NDArray[np.int64]] = Lru(_CACHED_DAYS)

    def is_trading_day(self, day: date) -> bool:
        """Whether NSE's cash market trades on `day`, special sessions included."""
        return self._calendar.is_trading_day(Segment.NSE, day)

    def previous_day(self, day: date) -> date:
        """The last trading day before `day`; the day before where the calendar ends."""
        try:
            return self._calendar.previous_trading_day(Segment.NSE, day)
        except NotFound:
            return day - timedelta(days=1)

    def is_open(self, moment: datetime) -> bool:
        """Whether NSE's cash or derivatives market matches orders at `moment`."""
        day = moment.astimezone(IST).date()
        return any(
            opens <= moment < closes
            for segment in (Segment.NSE, Segment.NFO)
            for opens, closes in self._calendar.continuous(segment, day)
        )

    def last_session_day(self, moment: datetime) -> date:
        """The newest trading day whose sessions are over at `moment`."""
        day = moment.astimezone(IST).date()
        ends = [closes for _, closes in self._calendar.continuous(Segment.NFO, day)]
        if ends and ends[-1] <= moment:
            return day
        return self.previous_day(day)

    def replay_hours(self, day: date) -> tuple[time, time]:
        """From when to when a replay of `day` runs.

        An ordinary day: 09:15 to 15:40, when the last market closes. A special session: its own open to ten minutes
        after its close, within the day.
        """
        stretches = [s for segment in (Segment.NSE, Segment.NFO) for s in self._calendar.continuous(segment, day)]
        if not stretches:
            return _OPEN, _CLOSE
        opens = min(start for start, _ in stretches)
        closes = max(end for _, end in stretches) + timedelta(minutes=10)
        if opens.time() == _OPEN:
            return _OPEN, closes.time() if closes.time() > time(15, 50) else _CLOSE
        return opens.time(), closes.time()

    def minutes(
        self, exchange: str, day: date, *, cas_eligible: bool = False, commodity: str | None = None
    ) -> NDArray[np.int64]:
        """Every minute in which the product trades continuously, ascending; empty on a holiday.

        Args:
            commodity: the underlying of a contract of MCX; farm produce closes early.
        """
        key = (exchange, day, cas_eligible, commodity)
        known = self._minutes.get(key)
        if known is None:
            segment = SEGMENTS[exchange] if commodity is None else self._calendar.segment_of(exchange, commodity)
            stretches = self._calendar.continuous(segment, day, cas_eligible=cas_eligible)
            parts = [
                np.arange(opens.hour * 60 + opens.minute, closes.hour * 60 + closes.minute)
                for opens, closes in stretches
            ]
            known = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
            known.flags.writeable = False
            self._minutes.put(key, known)
        return known

    def auction_minutes(self, exchange: str, day: date) -> NDArray[np.int64]:
        """Every minute in which the closing auction matches what takes part in it; empty on a day without one."""
        key = (exchange, day)
        known = self._auctions.get(key)
        if known is None:
            matching = [
                session
                for session in self._calendar.sessions(SEGMENTS[exchange], day, cas_eligible=True)
                if session.kind is SessionKind.CLOSING_AUCTION and session.name == _MATCHING
            ]
            parts = [
                np.arange(each.start.hour * 60 + each.start.minute, each.end.hour * 60 + each.end.minute)
                for each in matching
            ]
            known = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
            known.flags.writeable = False
            self._auctions.put(key, known)
        return known
