"""Candles as a client gets them: over HTTP through the gateway, from a whole stack on this machine."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from sqlalchemy import text

from benchmarks.candles import CALENDAR, MINUTE, minutes_of, year_of_minutes
from benchmarks.table import Row
from breezeway.candles.columns import Candles
from breezeway.cli import seed
from breezeway.db.engine import create_engine
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.market_calendar.model import Segment
from breezeway.testing.stack_process import StackProcess
from market_data_service.adapters.db.candle_blocks import write_days
from market_data_service.domain.day_bars import split_days

_YEAR, _DECADE = "NSE:INFY", "NSE:TCS"
_REPEAT = 30
_ALL = "from=2015-01-01&to=2026-07-31&limit=200000"
_COVER = """
    INSERT INTO candle_coverage (symbol, interval, day, state, bars, expected)
    SELECT symbol, interval, day, 'complete', bars, bars FROM candle_blocks WHERE symbol = :symbol
    ON CONFLICT (symbol, interval, day) DO UPDATE SET state = 'complete'
"""
_QUESTIONS = (
    ("HTTP: a year of 1m to 15m JSON (target 12 ms)", _YEAR, "interval=15m"),
    ("HTTP: a year of 1m, JSON (target 60 ms)", _YEAR, "interval=1m"),
    ("HTTP: a year of 1m, Arrow (target 20 ms)", _YEAR, "interval=1m&format=arrow"),
    ("HTTP: a year of 1m, Parquet", _YEAR, "interval=1m&format=parquet"),
    ("HTTP: ten years of 1m to daily JSON (target 60 ms)", _DECADE, "interval=1d"),
    ("HTTP: a year of 15m with 5 indicators", _YEAR, "interval=15m&indicators=sma:20,rsi:14,macd,bbands,supertrend"),
)


def decade_of_minutes() -> Candles:
    """Every ordinary trading day of ten years."""
    return minutes_of(CALENDAR.trading_days(Segment.NSE, date(2016, 8, 1), date(2026, 7, 31)))


def rows() -> Iterator[Row]:
    """One stack, one client on one connection."""
    with tempfile.TemporaryDirectory(prefix="breezeway-bench-") as name, ExitStack() as running:
        folder = Path(name)
        postgres = running.enter_context(EmbeddedPostgres(folder / "postgres"))
        postgres.create_database("bench")
        environment = {"BREEZE_SIM_CLOCK": "replay:2026-11-18", "DATABASE_URL": postgres.url("bench")}
        stack = running.enter_context(StackProcess(folder / "home", environment=environment))
        stack.start(240)
        asyncio.run(_store(postgres.url("bench_market_data")))
        yield from _ask(stack.url)


async def _store(url: str) -> None:
    engine = create_engine(url, application="benchmark")
    try:
        for symbol, bars in ((_YEAR, year_of_minutes()), (_DECADE, decade_of_minutes())):
            async with UnitOfWork(engine) as work:
                # The demo's own bars would make days of other layouts.
                await work.session.execute(text("DELETE FROM candle_blocks WHERE symbol = :symbol"), {"symbol": symbol})
                await write_days(work.session, symbol, MINUTE, split_days(bars), "bench")
                await work.session.execute(text(_COVER), {"symbol": symbol})
                await work.commit()
    finally:
        await engine.dispose()


def _ask(url: str) -> Iterator[Row]:
    login = httpx.post(
        f"{url}/api/v1/auth/login", json={"email": seed.EMAIL, "password": seed.PASSWORD}, timeout=60
    ).json()
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    # The plainest client there is: others take longer to receive five megabytes than we to send them.
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    for work, symbol, question in _QUESTIONS:
        size, took = 0, []
        for _ in range(_REPEAT + 2):
            started = time.perf_counter()
            connection.request("GET", f"/api/v1/candles/{symbol}?{_ALL}&{question}", headers=headers)
            answer = connection.getresponse()
            size = len(answer.read())
            took.append((time.perf_counter() - started) * 1_000)
            if answer.status != 200:
                raise AssertionError(f"{question} was answered with {answer.status}")
        # The first ones load what only this format needs.
        took = took[2:]
        figure = f"p50 {statistics.median(took):.1f}, best {min(took):.1f} ms ({size / 1e6:.2f} MB)"
        yield Row(work, "Breezeway, through the gateway", figure)
    connection.close()
