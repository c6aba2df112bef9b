"""After the close, fetch the day of everything that users follow, so that nobody has to ask for it.

Followed is what a user subscribed to or put into a watchlist. Once a day for each user and segment, some minutes after
its last price, a backfill of minutes and one of daily bars is made, as if the user had asked. It also reaches some days
back: what coverage has already costs nothing, and what a day without a broker session left out is made up for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from breezeway.contracts.instruments import Instrument
from breezeway.errors import BreezewayError
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from market_data_service.application.backfills import Backfills
from market_data_service.application.ports import BrokerSessions, ExchangeTime
from market_data_service.domain.planning import last_print
from market_data_service.domain.times import ist_date

_INTERVALS = (Interval.MINUTE_1, Interval.DAY_1)

_log = structlog.get_logger()


class Followed(Protocol):
    """What users follow, and whose day is done."""

    async def by_user(self) -> Mapping[UUID, Sequence[str]]:
        """Canonical symbols of subscriptions and watchlists."""
        ...

    async def take(self, user_id: UUID, segment: Segment, day: date) -> bool:
        """Whether this user's day was free and is the caller's now."""
        ...

    async def give_back(self, user_id: UUID, segment: Segment, day: date) -> None: ...


class ManyInstruments(Protocol):
    async def resolve(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """By the symbol as asked; what does not exist is left out."""
        ...


@dataclass(frozen=True, slots=True)
class TopUpRules:
    """`after_close`: how long the broker may need to have the day's last bars. `days_back` are trading days."""

    after_close: timedelta = timedelta(minutes=15)
    days_back: int = 5


class TopUp:
    """Run it every minute; it works only when a day is over."""

    def __init__(
        self,
        followed: Followed,
        instruments: ManyInstruments,
        sessions: BrokerSessions,
        backfills: Backfills,
        calendar: MarketCalendar,
        time: ExchangeTime,
        rules: TopUpRules | None = None,
    ) -> None:
        self._followed = followed
        self._instruments = instruments
        self._sessions = sessions
        self._backfills = backfills
        self._calendar = calendar
        self._time = time
        self._rules = rules or TopUpRules()

    async def run(self) -> int:
        """How many backfills were made. Harmless twice, and in several processes at once."""
        now = await self._time.now()
        today = ist_date(now)
        over = {
            segment
            for segment in Segment
            if self._calendar.is_trading_day(segment, today)
            and now >= last_print(segment, today, self._calendar) + self._rules.after_close
        }
        if not over:
            return 0
        made = 0
        for user_id, symbols in (await self._followed.by_user()).items():
            wanted: dict[Segment, list[str]] = {}
            for symbol in symbols:
                segment = self._calendar.segment_of_symbol(symbol)
                if segment in over:
                    wanted.setdefault(segment, []).append(symbol)
            for segment, names in wanted.items():
                made += await self._of(user_id, segment, today, names)
        return made

    async def _of(self, user_id: UUID, segment: Segment, day: date, symbols: Sequence[str]) -> int:
        if not await self._followed.take(user_id, segment, day):
            return 0
        try:
            # Without a session nothing could be fetched; it is tried again every minute until midnight.
            await self._sessions.credentials(user_id)
            found = await self._instruments.resolve(symbols)
            first = day
            for _ in range(self._rules.days_back):
                first = self._calendar.previous_trading_day(segment, first)
            instruments = list({each.symbol: each for each in found.values()}.values())
            made = [await self._backfills.start_known(user_id, instruments, each, first, day) for each in _INTERVALS]
        except BreezewayError as error:
            _log.info("top_up_put_off", user_id=str(user_id), segment=segment.value, code=error.code)
            await self._followed.give_back(user_id, segment, day)
            return 0
        return sum(each is not None for each in made)
