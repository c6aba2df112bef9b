"""The real one-minute sets: stored, read back and resampled, compared with independent pandas code, none lost."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.columns import Candles
from breezeway.clock import IST
from breezeway.contracts.instruments import Instrument
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.testing.real_candles import fifty_stocks_2021
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore, write_days
from market_data_service.application.candles import CandlesQuery, ReadCandles
from market_data_service.domain.day_bars import split_days

SOME = ("RELIANCE", "M&M", "BANKNIFTY")
HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


class Anything:
    """Any symbol is an instrument."""

    def __init__(self, outside: Any) -> None:
        self._like = outside.known["NSE:RELIANCE"]

    async def resolve(self, symbol: str, bearer: str) -> Instrument:
        return Instrument.model_validate({**self._like.model_dump(), "symbol": symbol})


def candles_of(frame: pd.DataFrame) -> Candles:
    stamps = frame["datetime"].dt.tz_localize("Asia/Kolkata").dt.tz_convert("UTC")
    t = (stamps.astype("datetime64[ns, UTC]").astype("int64") // 10**9).to_numpy()
    columns = [frame[name].to_numpy(float) for name in ("open", "high", "low", "close")]
    return Candles.of(t, *columns, frame["volume"].to_numpy(np.int64))


@pytest.mark.real_data
async def test_a_hundred_and_eighty_sessions_and_an_evening_with_open_interest_come_back_as_they_were(
    db: AsyncEngine, real_data: Path
) -> None:
    stock = pd.read_csv(real_data / "candles_1min" / "FEDERALBNK_1min_nse1minR.csv.gz", dtype={"date": str})
    stock["datetime"] = pd.to_datetime(stock["date"] + " " + stock["time"]) - pd.Timedelta(minutes=1)
    crude = pd.read_csv(real_data / "misc" / "mcx_crudeoil_1min_oi_2026-07-27.csv")
    crude["datetime"] = pd.to_datetime(crude["timestamp"]).dt.tz_localize(None)
    crude = crude.sort_values("datetime")
    with_interest = candles_of(crude)
    interest = crude["open_interest"].to_numpy(np.int64)
    oil = Candles.of(*(getattr(with_interest, name) for name in "tohlcv"), interest)
    store = PostgresCandleStore(db)
    for symbol, bars, size in (("NSE:FEDERALBNK", candles_of(stock), 68_165), ("MCX:CRUDEOIL", oil, len(crude))):
        async with UnitOfWork(db) as work:
            await write_days(work.session, symbol, Interval.MINUTE_1, split_days(bars), "real")
            await work.commit()
        stored = await store.read(symbol, Interval.MINUTE_1, date(2014, 1, 1), date(2026, 12, 31))
        assert stored.equals(bars)
        assert len(stored) == size
        days = (await store.read_daily(symbol, Interval.DAY_1.sources, date(2014, 1, 1), date(2026, 12, 31))).days
        assert int(days.v.sum()) == int(bars.v.sum())
        assert days.h.max() == bars.h.max()
    assert days.oi is not None
    assert days.oi.tolist() == [int(interest[-1])]


@pytest.mark.real_data
async def test_the_set_of_fifty_stocks_is_stored_whole_and_resampled_as_pandas_does(
    db: AsyncEngine, outside: Any, real_data: Path
) -> None:
    frame = fifty_stocks_2021(real_data).sort_values(["symbol", "datetime"])
    frame = frame.drop_duplicates(["symbol", "datetime"], keep="last")
    store = PostgresCandleStore(db)
    first, last = date(2021, 3, 1), date(2021, 6, 30)
    kept = 0
    for symbol, group in frame.groupby("symbol"):
        bars = candles_of(group)
        async with UnitOfWork(db) as work:
            await write_days(work.session, f"NSE:{symbol}", Interval.MINUTE_1, split_days(bars), "real")
            await work.commit()
        stored = await store.read(f"NSE:{symbol}", Interval.MINUTE_1, first, last)
        assert stored.equals(bars), symbol
        kept += len(stored)
    assert kept == len(frame) > 600_000

    read = ReadCandles(store, Anything(outside), MarketCalendar.default(), outside.time, outside.live_bars)
    start, end = datetime(2021, 3, 1, tzinfo=IST), datetime(2021, 7, 1, tzinfo=IST)
    for symbol in SOME:
        group = frame[frame["symbol"] == symbol].set_index("datetime")
        group = group[group.index.time >= pd.Timestamp("09:15").time()]
        for interval, rule in (("5m", "5min"), ("15m", "15min"), ("1h", "1h"), ("1d", "24h")):
            parts = []
            for day, of_day in group.groupby(group.index.date):
                origin = pd.Timestamp(f"{day} {'00:00' if interval == '1d' else '09:15'}")
                parts.append(of_day.resample(rule, origin=origin).agg(HOW).dropna(subset=["open"]))
            expected = pd.concat(parts)
            query = CandlesQuery(f"NSE:{symbol}", Interval(interval), start, end, limit=200_000)
            found = (await read.candles(query, "token")).candles
            stamps = expected.index.tz_localize("Asia/Kolkata")
            assert found.t.tolist() == [int(stamp.timestamp()) for stamp in stamps], (symbol, interval)
            for mine, theirs in zip((found.o, found.h, found.l, found.c), HOW, strict=False):
                np.testing.assert_array_equal(mine, expected[theirs].to_numpy())
            assert int(found.v.sum()) == int(expected["volume"].sum())
