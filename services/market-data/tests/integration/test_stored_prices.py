"""The last stored price of many instruments at once, as the option chain falls back to it."""

from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.columns import Candles
from breezeway.candles.resample import ist_midnight
from breezeway.clock import IST
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.intervals import Interval
from market_data_service.adapters.db.candle_blocks import write_days
from market_data_service.adapters.db.stored_prices import PostgresStoredPrices
from market_data_service.application.leg_prices import StoredPrice
from market_data_service.domain.day_bars import DayBars

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)


def minutes(day: date, closes: list[float], interest: list[int] | None = None) -> DayBars:
    at = ist_midnight(day) + 9 * 3600 + 15 * 60
    t = [at + 60 * place for place in range(len(closes))]
    return DayBars(day, Candles.of(t, closes, closes, closes, closes, [10] * len(closes), interest))


def daily(day: date, close: float) -> DayBars:
    return DayBars(day, Candles.of([ist_midnight(day)], [close], [close], [close], [close], [99]))


async def put(db: AsyncEngine, symbol: str, interval: Interval, *days: DayBars) -> None:
    async with UnitOfWork(db) as work:
        await write_days(work.session, symbol, interval, days, "test")
        await work.commit()


async def test_the_newest_candle_with_the_day_before_it(db: AsyncEngine) -> None:
    call, put_option, share = "NFO:A24NOV26100CE", "NFO:A24NOV26100PE", "NSE:A"
    await put(db, call, Interval.MINUTE_1, minutes(THURSDAY, [1.5, 2.5], [100, 120]))
    await put(db, call, Interval.MINUTE_1, minutes(FRIDAY, [3.0, 3.5, 4.25], [130, 140, 150]))
    await put(db, put_option, Interval.DAY_1, daily(THURSDAY, 7.0))
    await put(db, share, Interval.DAY_1, daily(THURSDAY, 500.0), daily(FRIDAY, 510.0))
    await put(db, share, Interval.MINUTE_1, minutes(FRIDAY, [505.0, 509.0]))
    found = await PostgresStoredPrices(db).newest([call, put_option, share, "NSE:NONE"])
    assert found == {
        call: StoredPrice(datetime(2026, 11, 20, 9, 18, tzinfo=IST), 4.25, 30, 150, 2.5, 120),
        put_option: StoredPrice(datetime(2026, 11, 19, 15, 30, tzinfo=IST), 7.0, 99),
        share: StoredPrice(datetime(2026, 11, 20, 9, 17, tzinfo=IST), 509.0, 20, None, 500.0),
    }
    assert await PostgresStoredPrices(db).newest([]) == {}
