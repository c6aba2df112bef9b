"""The examples of the documentation: pandas and pyarrow read candles from their address, over a real socket."""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.candles.resample import resample
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.http.app import Check, create_service
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment
from breezeway.security.tokens import Principal
from breezeway.supervisor.ports import free_port
from breezeway.testing.eventually import eventually
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore, write_days
from market_data_service.api import candles
from market_data_service.application.candles import ReadCandles
from market_data_service.domain.day_bars import in_session, split_days

CALENDAR = MarketCalendar.default()
SPAN = (datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 20, 20, tzinfo=UTC))
TOKEN = {"Authorization": "Bearer token"}


@pytest_asyncio.fixture
async def address(db: AsyncEngine, outside: Any) -> AsyncIterator[tuple[str, Any]]:
    """Where candles of some days are served, and their 15-minute bars."""

    class Everyone:
        async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
            assert token == "token"
            return Principal(outside.user_id, "user", frozenset({"read"}), "s", "t", 2_000_000_000)

    async def build(app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    raw = outside.truth(outside.known["NSE:RELIANCE"], Interval.MINUTE_1, *SPAN)
    minutes = in_session(raw, Interval.MINUTE_1, Segment.NSE, CALENDAR)
    async with UnitOfWork(db) as work:
        await write_days(work.session, "NSE:RELIANCE", Interval.MINUTE_1, split_days(minutes), "test")
        await work.commit()
    app = create_service("test", build=build)
    app.include_router(candles.router)
    app.state.authenticator = Everyone()
    app.state.candles = ReadCandles(
        PostgresCandleStore(db), outside.instruments, CALENDAR, outside.time, outside.live_bars
    )
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_level="error", lifespan="off", timeout_graceful_shutdown=2)
    )
    serving = asyncio.create_task(server.serve(), name="server")
    await eventually(lambda: server.started, 60)
    bars = resample(minutes, Interval.MINUTE_15, source=Interval.MINUTE_1, segment=Segment.NSE, calendar=CALENDAR)
    yield f"http://127.0.0.1:{port}/api/v1/candles/NSE:RELIANCE?interval=15m&from=2026-11-01&limit=200000", bars
    server.should_exit = True
    await serving


async def test_pandas_reads_parquet_csv_and_json_from_the_address(address: tuple[str, Any]) -> None:
    url, bars = address
    parquet = await asyncio.to_thread(pd.read_parquet, f"{url}&format=parquet&indicators=sma:20", storage_options=TOKEN)
    table = await asyncio.to_thread(pd.read_csv, f"{url}&format=csv", storage_options=TOKEN, parse_dates=["time"])
    assert list(parquet.columns) == ["time", "open", "high", "low", "close", "volume", "oi", "sma:20"]
    assert str(parquet["time"].dt.tz) == "Asia/Kolkata"
    for frame in (parquet, table):
        assert frame["time"].map(lambda stamp: int(stamp.timestamp())).tolist() == bars.t.tolist()
        for name, column in (("open", bars.o), ("high", bars.h), ("low", bars.l), ("close", bars.c)):
            np.testing.assert_array_equal(frame[name].to_numpy(), column)
        assert frame["volume"].tolist() == bars.v.tolist()
    average = pd.Series(bars.c).rolling(20).mean()
    np.testing.assert_allclose(parquet["sma:20"].to_numpy(), average.to_numpy(), rtol=1e-12)


async def test_arrow_is_read_as_a_stream(address: tuple[str, Any]) -> None:
    url, bars = address

    async with httpx.AsyncClient(headers=TOKEN) as client:
        answer = await client.get(f"{url}&format=arrow")
    with pa.ipc.open_stream(io.BytesIO(answer.content)) as part:
        table = part.read_all()
    assert table.column("close").to_pylist() == bars.c.tolist()
    assert table.schema.metadata[b"symbol"] == b"NSE:RELIANCE"
