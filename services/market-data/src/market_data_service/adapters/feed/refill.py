"""A gap's minutes, asked of the broker's history as a backfill like any other."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from breezeway.clock import IST, Clock
from breezeway.contracts.instruments import Instrument
from breezeway.errors import UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.intervals import Interval
from market_data_service.application.feed_ports import Instruments
from market_data_service.application.ports import BackfillStore, NewBackfill, Wakeups
from market_data_service.domain.planning import Window

_MOST_SYMBOLS = 200
"""Two minutes of the broker's quota; what lies beyond waits for a backfill that a user asks for."""

_WINDOW = timedelta(hours=8)


class BackfillRefill:
    """Implements `feed_ports.GapRefill`: one backfill of the feed's user, one broker call an instrument."""

    def __init__(self, store: BackfillStore, wakeups: Wakeups, instruments: Instruments, clock: Clock) -> None:
        self._store = store
        self._wakeups = wakeups
        self._instruments = instruments
        self._clock = clock

    async def request(self, user_id: UUID, symbols: Collection[str], start: datetime, end: datetime) -> None:
        if not symbols:
            return
        # A gap of more than a day's session is no gap but a day off; what is lacking then is for a backfill to find.
        start = max(start, end - _WINDOW)
        found = await self._instruments.resolve(sorted(symbols)[:_MOST_SYMBOLS])
        instruments: Mapping[str, Instrument] = {each.symbol: each for each in found.values()}
        windows = {symbol: [Window(start, end)] for symbol in instruments}
        try:
            await self._store.create(
                NewBackfill(
                    new_id(),
                    user_id,
                    Interval.MINUTE_1,
                    start.astimezone(IST).date(),
                    end.astimezone(IST).date(),
                    self._clock.now(),
                    list(instruments.values()),
                    windows,
                    asked=False,
                )
            )
        except (SQLAlchemyError, OSError) as error:
            raise UpstreamUnavailable("The refill could not be stored.", code="database_unavailable") from error
        await self._wakeups.wake(1)
