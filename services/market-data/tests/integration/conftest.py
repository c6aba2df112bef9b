"""A migrated market-data database, and a rig of real processes around it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.quota import BrokerQuota
from breezeway.breeze.rest import BreezeRest
from breezeway.breeze.transport import BreezeTransport
from breezeway.clock import SystemClock
from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.jobs.queue import JobQueue
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.redis.client import connect
from breezeway.supervisor.ports import free_port
from breezeway.testing.eventually import eventually
from market_data_service.adapters.db.backfills import PostgresBackfillStore
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore
from market_data_service.adapters.redis.wakeups import ArqWakeups
from market_data_service.application.backfills import Backfills

KEY, SECRET = "sim+key=1", "sim-secret"
SERVICE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """A migrated database that the tests copy, so that migrations run once."""
    name = f"market_data_{new_id().hex}"
    postgres.create_database(name)
    migrate.upgrade(SERVICE, postgres.url(name))
    return postgres.url(name)


@pytest_asyncio.fixture
async def db(template_database: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the migrated database, its tables emptied."""
    engine = create_engine(template_database, application="tests", pool_size=5)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("TRUNCATE candle_blocks, candle_coverage, backfills CASCADE")
    yield engine
    await engine.dispose()


class Rig:
    """A simulator, a stand-in for auth, and workers, as processes on loopback."""

    def __init__(self, db: AsyncEngine, database_url: str, redis_url: str, outside: Any) -> None:
        self.db = db
        self.outside = outside
        self.database_url = database_url
        self.redis_url = redis_url
        self.simulator_url = f"http://127.0.0.1:{free_port()}"
        self.auth_url = ""
        self.session: dict[str, str] = {}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.store = PostgresCandleStore(db)
        self.backfills: Backfills

    def spawn(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, "LOG_FORMAT": "json", "LOG_LEVEL": "WARNING", **environment},
        )
        self.processes.append(process)
        return process

    async def start_simulator(self, **environment: str) -> None:
        port = self.simulator_url.rsplit(":", 1)[1]
        self.spawn(
            "uvicorn",
            "--factory",
            "breeze_simulator.main:create_app",
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--log-level",
            "warning",
            BREEZE_SIM_CLOCK="replay:2026-11-20",
            **environment,
        )
        async with httpx.AsyncClient(base_url=self.simulator_url) as client:

            async def alive() -> bool:
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(alive, seconds=60, every=0.2)
            login = (await client.post("/_sim/login", json={"api_key": KEY})).json()
        transport = BreezeTransport(BreezeEndpoints.single_origin(self.simulator_url))
        redis = connect(self.redis_url)
        try:
            rest = BreezeRest(transport, BrokerQuota(redis), "test")
            opened = await rest.open_session(KEY, SECRET, login["api_session"])
        finally:
            await transport.aclose()
            await redis.aclose()
        self.session = {"broker_user_id": opened.user_id, "session_key": opened.session_key}

    def auth(self) -> FastAPI:
        app = FastAPI()
        common = {"account_id": self.outside.user_id, "user_id": self.outside.user_id, "environment": "simulator"}

        @app.get("/internal/users/{user_id}/broker-session")
        async def session(user_id: str) -> dict[str, Any]:
            return {**common, "state": "active", "version": 1}

        @app.get("/internal/broker-accounts/{account_id}/credentials")
        async def credentials(account_id: str) -> dict[str, Any]:
            secrets = {"api_key": KEY, "api_secret": SECRET, **self.session}
            return {**common, **secrets, "version": 1, "expires_at": "2099-01-01T00:00:00Z"}

        return app

    def start_worker(self, **environment: str) -> "subprocess.Popen[bytes]":
        return self.spawn(
            "market_data_service.worker",
            DATABASE_URL=self.database_url,
            REDIS_URL=self.redis_url,
            AUTH_URL=self.auth_url,
            BREEZE_SIMULATOR_URL=self.simulator_url,
            BREEZEWAY_INTERNAL_KEY="k" * 40,
            **environment,
        )

    async def count(self, state: str) -> int:
        async with self.db.connect() as connection:
            found = await connection.scalar(
                text("SELECT count(*) FROM backfill_chunks WHERE state = :state"), {"state": state}
            )
        return int(found or 0)

    async def history_calls(self) -> list[float]:
        """When the simulator has seen history calls, epoch seconds, ascending."""
        async with httpx.AsyncClient(base_url=self.simulator_url) as client:
            items = (await client.get("/_sim/journal", params={"limit": 10_000})).json()["items"]
        return [
            datetime.fromisoformat(item["at"]).timestamp()
            for item in items
            if "historicalcharts" in item.get("path", "") and item["kind"] != "fault"
        ]


@pytest_asyncio.fixture
async def rig(
    db: AsyncEngine, template_database: str, valkey: EmbeddedValkey, redis: Any, outside: Any
) -> AsyncIterator[Rig]:
    made = Rig(db, template_database, valkey.url, outside)
    queue = await JobQueue.connect(valkey.url, "market-data")
    made.backfills = Backfills(
        PostgresBackfillStore(db),
        made.store,
        outside.instruments,
        MarketCalendar.default(),
        outside.time,
        SystemClock(),
        ArqWakeups(queue),
        outside.progress,
        90,
    )
    port = free_port()
    made.auth_url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(
        uvicorn.Config(made.auth(), port=port, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    )
    serving = asyncio.create_task(server.serve(), name="auth")
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
        for process in made.processes:
            process.wait()
        server.should_exit = True
        await serving
        await queue.aclose()
