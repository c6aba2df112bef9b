"""Closed live minutes in today's block: added, never in the way of what history said."""

from datetime import date, time

from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.columns import Candles
from breezeway.candles.folding import Bar
from breezeway.clock import ist_datetime
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.intervals import Interval
from market_data_service.adapters.db.candle_blocks import write_days
from market_data_service.adapters.feed.candles import PostgresLiveBars
from market_data_service.domain.day_bars import split_days

DAY = date(2026, 11, 18)
SYMBOL = "NSE:RELIANCE"
OPEN = int(ist_datetime(DAY, time(9, 15)).timestamp())


def bar(minute: int, close: float, volume: int = 10, *, correction: bool = False) -> Bar:
    return Bar(OPEN + minute * 60, 100, 200, 50, close, volume, None, closed=True, correction=correction)


async def stored(bars: PostgresLiveBars) -> list[tuple[int, float]]:
    return [((b.t - OPEN) // 60, b.c) for b in await bars.minutes(SYMBOL, OPEN, OPEN + 3_600)]


async def test_minutes_are_added_and_read_back(db: AsyncEngine) -> None:
    bars = PostgresLiveBars(db)
    await bars.store({SYMBOL: [bar(0, 101), bar(1, 102)], "NSE:INFY": [bar(0, 7)]})
    await bars.store({SYMBOL: [bar(2, 103)]})
    assert await stored(bars) == [(0, 101), (1, 102), (2, 103)]
    [second] = await bars.minutes(SYMBOL, OPEN + 60, OPEN + 120)
    assert second == bar(1, 102)


async def test_of_a_bar_and_its_correction_the_correction_is_stored(db: AsyncEngine) -> None:
    bars = PostgresLiveBars(db)
    await bars.store({SYMBOL: [bar(0, 101), bar(0, 101.5, correction=True)]})
    assert await stored(bars) == [(0, 101.5)]


async def test_history_wins_over_live(db: AsyncEngine) -> None:
    bars = PostgresLiveBars(db)
    history = Candles.of([OPEN, OPEN + 60], [1, 1], [2, 2], [1, 1], [1.5, 1.6], [5, 6])
    async with UnitOfWork(db) as work:
        await write_days(work.session, SYMBOL, Interval.MINUTE_1, split_days(history), "breeze")
        await work.commit()
    await bars.store({SYMBOL: [bar(1, 999), bar(2, 103)]})
    assert await stored(bars) == [(0, 1.5), (1, 1.6), (2, 103)]


async def test_storing_the_same_again_changes_nothing(db: AsyncEngine) -> None:
    bars = PostgresLiveBars(db)
    for _ in range(2):
        await bars.store({SYMBOL: [bar(0, 101)]})
    assert await stored(bars) == [(0, 101)]
