"""The whole stack: how long until it is ready, what it weighs, how long the master takes, how late ticks are."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np

from benchmarks import stream
from benchmarks.table import Row
from breezeway.cli import seed
from breezeway.testing.api_user import ApiUser
from breezeway.testing.plugin import REPOSITORY
from breezeway.testing.stack_process import StackProcess

ENVIRONMENT = {"BREEZE_SIM_CLOCK": "replay:2026-11-18"}
RATE = 500
SECONDS = 60
SETTLE_SECONDS = 20
REAL_DATA = Path(os.environ.get("BREEZEWAY_TEST_DATA") or REPOSITORY.parent / "shared" / "data")


def rows() -> Iterator[Row]:
    """Two starts in one folder, then a minute of ticks."""
    with tempfile.TemporaryDirectory(prefix="breezeway-bench-") as folder:
        home = Path(folder)
        with StackProcess(home, environment=ENVIRONMENT) as stack:
            yield Row("start with an empty data folder, demo included", "Breezeway", f"{stack.start(180):.1f} s")
        with StackProcess(home, environment=ENVIRONMENT) as stack:
            yield Row("second start", "Breezeway", f"{stack.start(180):.1f} s")
            time.sleep(SETTLE_SECONDS)
            yield Row("memory of the whole stack, idle (shared pages once)", "Breezeway", f"{_memory(stack):,.0f} MiB")
            yield from _latency(stack)
    yield from _master()


def _master() -> Iterator[Row]:
    archive = REAL_DATA / "security_master" / "SecurityMaster_2026-07-30_full7.zip"
    if not archive.is_file():
        sys.stderr.write(f"no real master at {archive}; set BREEZEWAY_TEST_DATA. Its sync is left out.\n")
        return
    with tempfile.TemporaryDirectory(prefix="breezeway-bench-") as folder:
        environment = {**ENVIRONMENT, "BREEZE_SIM_MASTER_ZIP": str(archive)}
        with StackProcess(Path(folder), environment=environment) as stack:
            stack.start(240)
            with httpx.Client(base_url=stack.url, timeout=30) as http:
                login = http.post("/api/v1/auth/login", json={"email": seed.EMAIL, "password": seed.PASSWORD}).json()
                http.headers["Authorization"] = f"Bearer {login['access_token']}"
                run = http.get("/api/v1/instruments/sync").json()["items"][0]
    yield Row("sync of the real master of 2026-07-30", "Breezeway", f"{run['rows']:,} rows in {run['seconds']:.1f} s")


def _memory(stack: StackProcess) -> float:
    return float(sum(process.memory_full_info().pss for process in stack.processes())) / 2**20


def _latency(stack: StackProcess) -> Iterator[Row]:
    result = asyncio.run(_minute(stack))
    p50, p99 = np.percentile(result.latencies, [50, 99])
    what = f"{RATE} ticks/s for {SECONDS} s, feed to client, every tick"
    yield Row(what, "Breezeway", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    yield Row(what, "Breezeway", f"{len(result.latencies):,} ticks, {result.breaks} breaks of seq")


async def _minute(stack: StackProcess) -> stream.Result:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        user = ApiUser(http)
        await user.register()
        await user.sign_in()
        await user.connect_broker()
        async with httpx.AsyncClient(base_url=user.simulator) as simulator:
            await simulator.post("/_sim/tick-rate", json={"tick_rate": RATE})
        symbols = [f"NSE:{name}" for name in stream.SYMBOLS.split()]
        return await stream.listen(stack.url, user.token, symbols, SECONDS, 5)
