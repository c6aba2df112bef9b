"""The exchange clock's question about trading days, answered by the market calendar."""

from datetime import date, datetime

from breezeway.clock import IST
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment

_SEGMENTS = (Segment.NSE, Segment.NFO)


class CalendarDays:
    """NSE's cash and derivatives sessions."""

    def __init__(self, calendar: MarketCalendar) -> None:
        self._calendar = calendar

    def is_open(self, moment: datetime) -> bool:
        """Whether shares or their derivatives trade at `moment`."""
        day = moment.astimezone(IST).date()
        return any(
            opens <= moment < closes
            for segment in _SEGMENTS
            for opens, closes in self._calendar.continuous(segment, day)
        )

    def last_session_day(self, moment: datetime) -> date:
        """The newest trading day whose sessions are all over at `moment`."""
        day = moment.astimezone(IST).date()
        stretches = [s for segment in _SEGMENTS for s in self._calendar.continuous(segment, day)]
        if stretches and all(closes <= moment for _opens, closes in stretches):
            return day
        return self._calendar.previous_trading_day(Segment.NSE, day)

    def is_trading_day(self, day: date) -> bool:
        return self._calendar.is_trading_day(Segment.NSE, day)
