"""Backfill end to end: the simulator without limits, the official SDK, a worker, PostgreSQL; candles stored a second.

    python -m benchmarks backfill

Simulator, worker and both stores are real processes on this machine and share its cores, as they would at home. Auth is
a stand-in that hands out one session.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.candles import SERVICE
from benchmarks.table import Row
from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.quota import BrokerQuota
from breezeway.breeze.rest import BreezeRest
from breezeway.breeze.transport import BreezeTransport
from breezeway.clock import IST, ClockMapping, SystemClock
from breezeway.contracts.backfills import BackfillView
from breezeway.contracts.instruments import Instrument, InstrumentType
from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.intervals import Interval
from breezeway.jobs.queue import JobQueue
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.redis.client import connect
from breezeway.supervisor.ports import free_port
from breezeway.testing.eventually import eventually
from market_data_service.adapters.db.backfills import PostgresBackfillStore
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore
from market_data_service.adapters.redis.wakeups import ArqWakeups
from market_data_service.application.backfills import Backfills

_CODES = {"RELIANCE": "RELIND", "INFY": "INFTEC", "HDFCBANK": "HDFBAN", "TCS": "TCS", "ITC": "ITC", "SBIN": "STABAN"}
_FROM, _TO = datetime(2025, 7, 1, tzinfo=IST), datetime(2026, 7, 1, tzinfo=IST)
_KEY, _SECRET = "sim+key=1", "sim-secret"
_UNLIMITED = "10000"
_SECONDS = 240


class _Known:
    """`Instruments` without a service."""

    async def resolve(self, symbol: str, bearer: str) -> Instrument:
        name = symbol.partition(":")[2]
        return Instrument(
            instrument_id=1,
            symbol=symbol,
            exchange="NSE",
            segment="cash",
            type=InstrumentType.EQUITY,
            name=name,
            lot_size=1,
            tick_size=Decimal("0.05"),
            broker_code=_CODES[name],
            broker_token="",
        )

    async def search(self, *arguments: object) -> list[Instrument]:
        return []


class _Now:
    async def mapping(self) -> ClockMapping:
        return ClockMapping(_TO, _TO)

    async def now(self) -> datetime:
        return _TO


class _Unheard:
    async def publish(self, user_id: UUID, backfill: BackfillView) -> None:
        return None


def _auth(user_id: UUID, session: dict[str, str]) -> FastAPI:
    app = FastAPI()
    common = {"account_id": user_id, "user_id": user_id, "environment": "simulator", "version": 1}

    @app.get("/internal/users/{_user}/broker-session")
    async def broker_session(_user: str) -> dict[str, Any]:
        return {**common, "state": "active"}

    @app.get("/internal/broker-accounts/{_account}/credentials")
    async def credentials(_account: str) -> dict[str, Any]:
        return {**common, "api_key": _KEY, "api_secret": _SECRET, **session, "expires_at": "2099-01-01T00:00:00Z"}

    return app


async def _log_in(simulator: str, redis_url: str) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=simulator) as client:

        async def alive() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(alive, seconds=90, every=0.2)
        login = (await client.post("/_sim/login", json={"api_key": _KEY})).json()
    transport = BreezeTransport(BreezeEndpoints.single_origin(simulator))
    redis = connect(redis_url)
    try:
        opened = await BreezeRest(transport, BrokerQuota(redis), "bench").open_session(
            _KEY, _SECRET, login["api_session"]
        )
    finally:
        await transport.aclose()
        await redis.aclose()
    return {"broker_user_id": opened.user_id, "session_key": opened.session_key}


async def _run(database: str, redis_url: str, processes: ExitStack) -> tuple[float, int, int]:
    """Seconds, candles, calls."""

    def spawn(*command: str, **environment: str) -> None:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", *command],
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "LOG_LEVEL": "ERROR", **environment},
        )
        processes.callback(process.wait)
        processes.callback(process.terminate)

    port, auth_port = free_port(), free_port()
    simulator = f"http://127.0.0.1:{port}"
    serve = ("--host", "127.0.0.1", "--log-level", "error", "--no-access-log", "--port", str(port))
    limits = {"BREEZE_SIM_LIMITS": "off", "BREEZE_SIM_CLOCK": "replay:2026-07-01"}
    spawn("uvicorn", "--factory", "breeze_simulator.main:create_app", *serve, **limits)
    session = await _log_in(simulator, redis_url)
    user_id = new_id()
    server = uvicorn.Server(
        uvicorn.Config(_auth(user_id, session), port=auth_port, log_level="error", access_log=False, lifespan="off")
    )
    serving = asyncio.create_task(server.serve())
    async with AsyncExitStack() as stack:
        engine = create_engine(database, application="benchmark")
        stack.push_async_callback(engine.dispose)
        queue = await JobQueue.connect(redis_url, "market-data")
        stack.push_async_callback(queue.aclose)
        backfills = Backfills(
            PostgresBackfillStore(engine),
            PostgresCandleStore(engine),
            _Known(),
            MarketCalendar.default(),
            _Now(),
            SystemClock(),
            ArqWakeups(queue),
            _Unheard(),
            int(_UNLIMITED),
        )
        spawn(
            "market_data_service.worker",
            DATABASE_URL=database,
            REDIS_URL=redis_url,
            AUTH_URL=f"http://127.0.0.1:{auth_port}",
            BREEZE_SIMULATOR_URL=simulator,
            BREEZEWAY_INTERNAL_KEY="k" * 40,
            BREEZE_CALLS_PER_MINUTE=_UNLIMITED,
            BREEZE_CALLS_PER_DAY="1000000",
        )
        # A small one first: it loads the SDK and warms both ends.
        await _fetch(engine, backfills, user_id, ["NSE:ITC"], datetime(2025, 6, 1, tzinfo=IST), _FROM)
        started = time.perf_counter()
        symbols = [f"NSE:{name}" for name in _CODES]
        view = await _fetch(engine, backfills, user_id, symbols, _FROM, _TO)
        seconds = time.perf_counter() - started
    server.should_exit = True
    await serving
    return seconds, view.candles_written, view.calls_used


async def _fetch(
    engine: AsyncEngine, backfills: Backfills, user_id: UUID, symbols: list[str], start: datetime, end: datetime
) -> BackfillView:
    made = await backfills.start(user_id, "", symbols, Interval.MINUTE_1, start, end)

    async def over() -> bool:
        async with engine.connect() as connection:
            state = await connection.scalar(text("SELECT state FROM backfills WHERE id = :id"), {"id": made.id})
        return state in ("done", "failed")

    await eventually(over, seconds=_SECONDS, every=0.1)
    view = await backfills.get(user_id, made.id)
    if view.state != "done" or view.errors:
        raise AssertionError(f"the backfill ended {view.state}: {view.errors}")
    return view


def rows() -> list[Row]:
    """One run."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        postgres = stack.enter_context(EmbeddedPostgres(Path(folder) / "postgres"))
        valkey = stack.enter_context(EmbeddedValkey(Path(folder) / "valkey"))
        postgres.create_database("bench")
        migrate.upgrade(SERVICE, postgres.url("bench"))
        with ExitStack() as processes:
            seconds, candles, calls = asyncio.run(_run(postgres.url("bench"), valkey.url, processes))
    work = f"backfill of {len(_CODES)} stocks, a year of minutes, unlimited simulator"
    return [
        Row(work, "Breezeway", f"{candles / seconds:,.0f} candles/s"),
        Row(work, "Breezeway", f"{calls / seconds:,.1f} calls/s, {seconds:.1f} s"),
    ]
