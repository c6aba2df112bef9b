"""Reading beyond the plain answer: pages, adjusted prices, the closing auction, days of several sources."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.columns import Candles
from breezeway.candles.resample import ist_midnight
from breezeway.clock import IST
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import InvalidInput
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore, write_days
from market_data_service.application.candles import CandlesQuery, ReadCandles
from market_data_service.domain.corporate_actions import CorporateAction, parse
from market_data_service.domain.day_bars import split_days

SYMBOL = "NSE:RELIANCE"
WEEK = [date(2026, 11, day) for day in (16, 17, 18, 19, 20)]
OPEN = 9 * 3600 + 15 * 60


def session(day: date, minutes: Sequence[int], price: float) -> Candles:
    t = [ist_midnight(day) + OPEN + 60 * minute for minute in minutes]
    c = np.full(len(t), price)
    return Candles.of(t, c, c + 1, c - 1, c, np.full(len(t), 10))


async def put(db: AsyncEngine, interval: Interval, *parts: Candles) -> None:
    async with UnitOfWork(db) as work:
        for part in parts:
            await write_days(work.session, SYMBOL, interval, split_days(part), "test")
        await work.commit()


def reader(
    db: AsyncEngine, outside: Any, actions: Mapping[str, Sequence[CorporateAction]] | None = None
) -> ReadCandles:
    return ReadCandles(
        PostgresCandleStore(db), outside.instruments, MarketCalendar.default(), outside.time, outside.live_bars, actions
    )


async def test_pages_follow_one_another_without_gap_or_double(db: AsyncEngine, outside: Any) -> None:
    await put(db, Interval.MINUTE_1, *(session(day, range(375), 100.0) for day in WEEK))
    read = reader(db, outside)
    start, end = datetime(2026, 11, 16, tzinfo=IST), datetime(2026, 11, 21, tzinfo=IST)
    whole = await read.candles(CandlesQuery(SYMBOL, Interval.MINUTE_15, start, end), "token")
    seen: list[int] = []
    following: str | None = None
    while following is not None or not seen:
        query = CandlesQuery(SYMBOL, Interval.MINUTE_15, start, end, limit=17, cursor=following)
        page = await read.candles(query, "token")
        seen += page.candles.t.tolist()
        following = page.next
    assert seen == whole.candles.t.tolist()
    assert len(seen) == 125


async def test_the_closing_auctions_print_makes_the_close_and_has_a_bar_of_its_own(
    db: AsyncEngine, outside: Any
) -> None:
    """A stock with derivatives trades 360 minutes since August 2026, then meets once more at one price."""
    friday = session(WEEK[4], range(360), 100.0)
    auction = session(WEEK[4], [376], 105.0)
    await put(db, Interval.MINUTE_1, friday, auction)
    read = reader(db, outside)
    start, end = datetime(2026, 11, 20, tzinfo=IST), datetime(2026, 11, 21, tzinfo=IST)
    daily = (await read.candles(CandlesQuery(SYMBOL, Interval.DAY_1, start, end), "token")).candles
    assert (daily.o.tolist(), daily.c.tolist(), daily.h.tolist()) == ([100.0], [105.0], [106.0])
    assert daily.v.tolist() == [3610]
    fifteen = (await read.candles(CandlesQuery(SYMBOL, Interval.MINUTE_15, start, end), "token")).candles
    assert len(fifteen) == 25
    assert (fifteen.c[-2], fifteen.c[-1]) == (100.0, 105.0)
    assert int(fifteen.t[-1]) == ist_midnight(WEEK[4]) + 15 * 3600 + 30 * 60
    assert int(fifteen.v.sum()) == 3610


async def test_days_of_several_sources_make_one_answer(db: AsyncEngine, outside: Any) -> None:
    await put(db, Interval.MINUTE_1, session(WEEK[0], range(375), 100.0), session(WEEK[2], range(375), 102.0))
    await put(db, Interval.MINUTE_5, session(WEEK[1], range(0, 375, 5), 101.0))
    await put(db, Interval.MINUTE_30, session(WEEK[3], range(0, 375, 30), 103.0))
    read = reader(db, outside)
    start, end = datetime(2026, 11, 16, tzinfo=IST), datetime(2026, 11, 21, tzinfo=IST)

    async def days_of(interval: str) -> list[float]:
        answer = await read.candles(CandlesQuery(SYMBOL, Interval(interval), start, end), "token")
        assert answer.candles.faults() == []
        return [part.candles.c[-1] for part in split_days(answer.candles)]

    assert await days_of("1m") == [100.0, 102.0]
    assert await days_of("5m") == await days_of("15m") == [100.0, 101.0, 102.0]
    assert await days_of("30m") == await days_of("1h") == await days_of("1d") == [100.0, 101.0, 102.0, 103.0]
    assert await days_of("1w") == [103.0]


async def test_adjusted_prices_are_in_todays_shares_and_the_stored_stay(db: AsyncEngine, outside: Any) -> None:
    prices = (1000.0, 1000.0, 100.0, 100.0, 90.0)
    await put(
        db,
        Interval.MINUTE_1,
        *(session(day, range(375), price) for day, price in zip(WEEK, prices, strict=True)),
    )
    actions = parse(
        ["symbol,ex_date,kind,value", f"{SYMBOL},2026-11-18,split,10:1", f"{SYMBOL},2026-11-20,dividend,10"]
    )
    read = reader(db, outside, actions)
    start, end = datetime(2026, 11, 16, tzinfo=IST), datetime(2026, 11, 21, tzinfo=IST)
    for interval in (Interval.DAY_1, Interval.HOUR_1, Interval.MINUTE_1):
        query = CandlesQuery(SYMBOL, interval, start, end, adjusted=True)
        bars = (await read.candles(query, "token")).candles
        assert set(bars.c.tolist()) == {90.0}
        raw = (await read.candles(CandlesQuery(SYMBOL, interval, start, end), "token")).candles
        assert {float(raw.c[0]), float(raw.c[-1])} == {1000.0, 90.0}
        assert int(bars.v[0]) == 10 * int(raw.v[0])
    weekly = (await read.candles(CandlesQuery(SYMBOL, Interval.WEEK_1, start, end, adjusted=True), "token")).candles
    assert weekly.h.tolist() == [91.0]
    with pytest.raises(InvalidInput) as refused:
        await reader(db, outside).candles(CandlesQuery(SYMBOL, Interval.DAY_1, start, end, adjusted=True), "token")
    assert refused.value.code == "no_corporate_actions"
