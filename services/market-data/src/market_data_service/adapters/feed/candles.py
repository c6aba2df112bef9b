"""Live bars into today's block, and back out of it for bars that begin before anybody listened."""

from collections.abc import Mapping, Sequence

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.columns import Candles
from breezeway.candles.folding import Bar
from breezeway.candles.resample import day_of
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import UpstreamUnavailable
from breezeway.intervals import Interval
from market_data_service.adapters.db.candle_blocks import read_days, write_days
from market_data_service.domain.day_bars import split_days

_SOURCE = "live"


class PostgresLiveBars:
    """Implements `feed_ports.CandleSink` and `feed_ports.MinuteHistory`.

    A bar that is stored already stays as it is: it came from history, which knows better, or it is the same bar.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def store(self, bars: Mapping[str, Sequence[Bar]]) -> None:
        try:
            # One transaction a symbol: the writers of a day take turns, and nobody may wait for a whole market.
            for symbol in sorted(bars):
                async with UnitOfWork(self._engine) as work:
                    days = split_days(_candles(bars[symbol]))
                    await write_days(work.session, symbol, Interval.MINUTE_1, days, _SOURCE, keep_stored=True)
                    await work.commit()
        except (SQLAlchemyError, OSError) as error:
            raise UpstreamUnavailable("The bars could not be stored.", code="database_unavailable") from error

    async def minutes(self, symbol: str, start: int, end: int) -> Sequence[Bar]:
        try:
            async with UnitOfWork(self._engine) as work:
                days = await read_days(work.session, symbol, Interval.MINUTE_1, day_of(start), day_of(end))
        except (SQLAlchemyError, OSError) as error:
            raise UpstreamUnavailable("The bars could not be read.", code="database_unavailable") from error
        return [bar for day in days for bar in _bars(day.candles) if start <= bar.t < end]


def _candles(bars: Sequence[Bar]) -> Candles:
    # A correction comes after the bar that it corrects; the last one counts.
    last = {bar.t: bar for bar in bars}
    ordered = [last[t] for t in sorted(last)]
    has_interest = any(bar.oi is not None for bar in ordered)
    return Candles.of(
        [bar.t for bar in ordered],
        [bar.o for bar in ordered],
        [bar.h for bar in ordered],
        [bar.l for bar in ordered],
        [bar.c for bar in ordered],
        [bar.v for bar in ordered],
        [bar.oi or 0 for bar in ordered] if has_interest else None,
    )


def _bars(candles: Candles) -> list[Bar]:
    interest = [None] * len(candles) if candles.oi is None else [int(x) for x in candles.oi]
    return [
        Bar(int(t), float(o), float(h), float(low), float(c), int(v), oi, closed=True)
        for t, o, h, low, c, v, oi in zip(
            candles.t, candles.o, candles.h, candles.l, candles.c, candles.v, interest, strict=True
        )
    ]
