"""What every market segment is doing now, by exchange time."""

from dataclasses import dataclass
from datetime import datetime

from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Phase, Segment
from market_data_service.application.ports import ExchangeTime
from market_data_service.domain.times import ist_date


@dataclass(frozen=True, slots=True)
class SegmentStatus:
    segment: Segment
    phase: Phase
    session: str | None
    is_trading_day: bool
    day_name: str | None
    next_open: datetime
    next_close: datetime


@dataclass(frozen=True, slots=True)
class MarketStatus:
    exchange_time: datetime
    replay: bool
    speed: float
    calendar_version: str
    segments: list[SegmentStatus]


class ReadMarketStatus:
    def __init__(self, calendar: MarketCalendar, time: ExchangeTime) -> None:
        self._calendar = calendar
        self._time = time

    async def status(self) -> MarketStatus:
        now = await self._time.now()
        mapping = await self._time.mapping()
        segments = [self._segment(segment, now) for segment in Segment]
        return MarketStatus(now, mapping.replay, mapping.speed, self._calendar.version, segments)

    def _segment(self, segment: Segment, now: datetime) -> SegmentStatus:
        calendar = self._calendar
        day = ist_date(now)
        session = calendar.session_at(segment, now)
        return SegmentStatus(
            segment,
            calendar.phase(segment, now),
            session.name if session is not None else None,
            calendar.is_trading_day(segment, day),
            calendar.day_name(segment, day),
            calendar.next_open(segment, now),
            calendar.next_close(segment, now),
        )
