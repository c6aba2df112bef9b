"""Day blocks in PostgreSQL: round trip, idempotence, merging, the SQL view."""

import asyncio
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.columns import Candles, concat
from breezeway.candles.resample import aggregate, ist_midnight
from breezeway.clock import IST
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.intervals import Interval
from market_data_service.adapters.db.block_codec import PackedCandles, pack, unpack
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore, write_days
from market_data_service.domain.day_bars import DayBars, split_days

SYMBOL = "NSE:M&M"
MINUTE = Interval.MINUTE_1
DAY = date(2026, 11, 20)
OPEN = 9 * 3600 + 15 * 60


def bars(day: date, minutes: range, *, oi: bool = False, price: float = 100.0) -> DayBars:
    n = len(minutes)
    t = np.array([ist_midnight(day) + OPEN + 60 * minute for minute in minutes])
    random = np.random.default_rng(7)
    c = price + random.normal(0, 1, n)
    candles = Candles.of(t, c, c + 1, c - 1, c, random.integers(0, 2**40, n), list(minutes) if oi else None)
    return DayBars(day, candles)


async def put(db: AsyncEngine, *days: DayBars, symbol: str = SYMBOL) -> None:
    async with UnitOfWork(db) as work:
        await write_days(work.session, symbol, MINUTE, days, "test")
        await work.commit()


async def test_what_was_written_is_read_bit_for_bit(db: AsyncEngine) -> None:
    store = PostgresCandleStore(db)
    days = [bars(date(2026, 11, day), range(375), oi=day == 20) for day in (18, 19, 20)]
    await put(db, *days)
    read = await store.read(SYMBOL, MINUTE, date(2026, 11, 18), date(2026, 11, 20))
    for written, found in zip(days, split_days(read), strict=True):
        np.testing.assert_array_equal(written.candles.t, found.candles.t)
        np.testing.assert_array_equal(written.candles.c, found.candles.c)
        np.testing.assert_array_equal(written.candles.v, found.candles.v)
    assert read.oi is not None
    assert read.oi[-375:].tolist() == list(range(375))
    one = await store.read(SYMBOL, MINUTE, date(2026, 11, 19), date(2026, 11, 19))
    assert one.equals(days[1].candles)
    assert len(await store.read("NSE:NONE", MINUTE, DAY, DAY)) == 0
    assert len(await store.read(SYMBOL, Interval.DAY_1, DAY, DAY)) == 0


async def test_the_same_again_changes_no_row(db: AsyncEngine) -> None:
    await put(db, bars(DAY, range(375)))
    async with db.connect() as connection:
        before = (await connection.execute(text("SELECT xmin::text, updated_at FROM candle_blocks"))).all()
    await put(db, bars(DAY, range(375)))
    async with db.connect() as connection:
        assert (await connection.execute(text("SELECT xmin::text, updated_at FROM candle_blocks"))).all() == before


async def test_fewer_bars_never_overwrite_more(db: AsyncEngine) -> None:
    store = PostgresCandleStore(db)
    whole = bars(DAY, range(375))
    await put(db, whole)
    await put(db, DayBars(DAY, whole.candles[:100]))
    assert (await store.read(SYMBOL, MINUTE, DAY, DAY)).equals(whole.candles)
    # A bar that is fetched again replaces the stored one of its time, and missing ones are filled in.
    corrected = bars(DAY, range(370, 376), price=500.0)
    await put(db, corrected)
    read = await store.read(SYMBOL, MINUTE, DAY, DAY)
    assert len(read) == 376
    np.testing.assert_array_equal(read.c[370:], corrected.candles.c)
    assert read.faults() == []


async def test_two_writers_of_one_day_keep_each_others_bars(db: AsyncEngine) -> None:
    parts = [bars(DAY, range(start, start + 25)) for start in range(0, 375, 25)]
    await asyncio.gather(*(put(db, part) for part in parts))
    read = await PostgresCandleStore(db).read(SYMBOL, MINUTE, DAY, DAY)
    assert len(read) == 375
    assert read.faults() == []


async def test_newest_days_are_found_without_reading_them(db: AsyncEngine) -> None:
    await put(db, *(bars(date(2026, 11, day), range(5)) for day in (16, 17, 18, 19, 20)))
    store = PostgresCandleStore(db)
    assert await store.newest_days(SYMBOL, [MINUTE], date(2026, 11, 19), 2) == [date(2026, 11, 18), date(2026, 11, 19)]


async def test_a_day_comes_from_the_best_source_that_has_it(db: AsyncEngine) -> None:
    store = PostgresCandleStore(db)
    minutes, fives = bars(date(2026, 11, 18), range(375)), bars(DAY, range(0, 375, 5), price=200.0)
    await put(db, minutes)
    sources = Interval.MINUTE_15.sources
    async with UnitOfWork(db) as work:
        await write_days(work.session, SYMBOL, Interval.MINUTE_5, [fives], "test")
        # Of a day with minutes the broker's own bars of five minutes are not looked at.
        await write_days(work.session, SYMBOL, Interval.MINUTE_5, [bars(date(2026, 11, 18), range(0, 375, 5))], "test")
        await work.commit()
    found = await store.read_best(SYMBOL, sources, date(2026, 11, 1), DAY)
    assert [source for source, _ in found.parts] == [MINUTE, Interval.MINUTE_5]
    assert found.parts[0][1].candles().equals(minutes.candles)
    assert found.parts[1][1].candles().equals(fives.candles)
    days = (await store.read_daily(SYMBOL, Interval.DAY_1.sources, date(2026, 11, 1), DAY)).days
    assert days.c.tolist() == [minutes.candles.c[-1], fives.candles.c[-1]]
    assert days.h.tolist() == [minutes.candles.h.max(), fives.candles.h.max()]
    assert days.v.tolist() == [minutes.candles.v.sum(), fives.candles.v.sum()]
    assert days.t.tolist() == [ist_midnight(date(2026, 11, 18)), ist_midnight(DAY)]


async def test_plain_sql_sees_single_bars(db: AsyncEngine) -> None:
    await put(db, bars(date(2026, 11, 19), range(2)), bars(DAY, range(3), oi=True))
    async with db.connect() as connection:
        rows = (
            await connection.execute(text("SELECT day, at, close, volume, open_interest FROM candle_rows ORDER BY at"))
        ).all()
    assert [row.day for row in rows] == [date(2026, 11, 19)] * 2 + [DAY] * 3
    assert rows[-1].at == datetime(2026, 11, 20, 9, 17, tzinfo=IST)
    assert [row.open_interest for row in rows] == [None, None, 0, 1, 2]


@pytest.mark.parametrize(
    ("prices", "volume", "interest"),
    [
        ([1249.95, 0.05, 99_999.99], [0, 7, 2**31 - 1], None),
        ([83.2525, 84.0025, 83.5], [1, 2, 3], [5, 6, 2**40]),
        ([1 / 3, 2.0**-30, 123_456_789.123], [2**40, 1, 2], [1, 2, 3]),
    ],
)
async def test_sql_reads_every_form_of_a_block(
    db: AsyncEngine, prices: list[float], volume: list[int], interest: list[int] | None
) -> None:
    t = [ist_midnight(DAY) + OPEN + 60 * minute for minute in range(3)]
    candles = Candles.of(t, prices, prices[::-1], prices, prices[::-1], volume, interest)
    await put(db, DayBars(DAY, candles))
    assert (await PostgresCandleStore(db).read(SYMBOL, MINUTE, DAY, DAY)).equals(candles)
    async with db.connect() as connection:
        rows = (await connection.execute(text("SELECT * FROM candle_rows ORDER BY at"))).all()
    assert [row.open for row in rows] == prices
    assert [row.close for row in rows] == prices[::-1]
    assert [row.volume for row in rows] == volume
    assert [row.open_interest for row in rows] == (interest or [None] * 3)
    assert [int(row.at.timestamp()) for row in rows] == t


@given(data=st.data())
def test_packing_gives_back_exactly_the_same_bars(data: st.DataObject) -> None:
    blocks = []
    parts = []
    for day in range(data.draw(st.integers(1, 4))):
        midnight = day * 86_400 - 19_800
        t = data.draw(st.lists(st.integers(0, 86_399), min_size=1, max_size=8, unique=True).map(sorted))
        price = st.one_of(
            st.integers(1, 10**7).map(lambda paise: paise / 100),
            st.integers(1, 10**10).map(lambda part: part / 10_000),
            st.floats(1e-6, 1e12),
        )
        columns = [data.draw(st.lists(price, min_size=len(t), max_size=len(t))) for _ in range(4)]
        number = st.lists(st.integers(0, 2**62), min_size=len(t), max_size=len(t))
        interest = data.draw(st.one_of(st.none(), number))
        parts.append(Candles.of([midnight + each for each in t], *columns, data.draw(number), interest))
        blocks.append(pack(parts[-1], midnight))
    assert unpack(blocks).equals(concat(parts))
    picked = PackedCandles(blocks).fold(_each_second)
    assert picked.equals(_each_second(concat(parts)))


def _each_second(bars: Candles) -> Candles:
    return aggregate(bars, np.arange(len(bars)) // 2)
