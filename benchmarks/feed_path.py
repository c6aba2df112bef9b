"""The feed's way: latency from the broker's socket to a client over every hop, and how much one owner takes.

The broker is a sender that is faster than its readers. The owner is the real process with a real Valkey and PostgreSQL;
the official SDK, on the same socket, only has to call a callback.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from benchmarks import feed_broker
from benchmarks.table import Row
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.redis import keys
from breezeway.redis.client import connect
from breezeway.testing.feed_stack import FeedStack, run_feed_stack
from breezeway.testing.feed_watch import described, state_of
from breezeway.testing.stream_client import StreamClient

ROOMS = 50
RATE = 2_000
SECONDS = 8.0
SYMBOLS = {f"NSE:B{n}": f"4.1!{n}" for n in range(ROOMS)}


def rows() -> Iterator[Row]:
    """Latency at one rate, then both capacities."""
    with (
        tempfile.TemporaryDirectory(prefix="breezeway-feed-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", durable=False) as postgres,
        EmbeddedValkey(Path(folder) / "valkey") as valkey,
    ):
        logs = Path(folder)
        latencies = asyncio.run(_latencies(postgres, valkey, logs))
        p50, p99 = np.percentile(latencies, [50, 99])
        work = f"broker's socket to client, every tick, {RATE:,} ticks/s"
        rate = len(latencies) / SECONDS
        yield Row(work, "Breezeway", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {rate:,.0f}/s")
        official = asyncio.run(_official())
        yield Row("ticks off one broker socket, to a callback", "breeze-connect", f"{official:,.0f}/s")
        ours, dropped = asyncio.run(_capacity(postgres, valkey, logs))
        figure = f"{ours:,.0f}/s, {dropped:,} dropped, {ours / official:.1f} times that"
        yield Row("ticks off one broker socket, to Redis", "Breezeway", figure)


@asynccontextmanager
async def _broker(rate: int) -> AsyncIterator[str]:
    """The sender in a process of its own; its origin."""
    process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
        [sys.executable, "-m", "benchmarks.feed_broker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"rate": rate}).encode() + b"\n")
        process.stdin.flush()
        yield f"http://127.0.0.1:{int(await asyncio.to_thread(process.stdout.readline))}"
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


@asynccontextmanager
async def _stack(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, logs: Path, rate: int) -> AsyncIterator[FeedStack]:
    async with (
        _broker(rate) as origin,
        run_feed_stack(postgres, valkey, logs, BREEZE_SIMULATOR_URL=origin) as stack,
    ):
        stack.neighbours.tokens = SYMBOLS
        yield stack


async def _latencies(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, logs: Path) -> list[float]:
    found: list[float] = []
    async with _stack(postgres, valkey, logs, RATE) as stack:
        stack.start_owner()
        async with StreamClient.connect(stack.stream_url, stack.neighbours.access_token()) as client:
            await client.subscribe([f"tick:{symbol}" for symbol in SYMBOLS])
            await client.next("tick", seconds=60)
            async for _ in client.messages(3):
                pass
            async for message in client.messages(SECONDS):
                if message["type"] == "tick":
                    # What was parsed since the frame arrived is this client's time, not the way's.
                    parsing = time.time() * 1000 - client.received_ms
                    found.append(feed_broker.milliseconds_since(message["buy_qty"]) - parsing)
    return found


async def _capacity(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, logs: Path) -> tuple[float, int]:
    """Ticks that reach Redis a second, and how many the owner had to drop."""
    async with _stack(postgres, valkey, logs, 0) as stack:
        redis = connect(stack.redis_url)
        try:
            await redis.zadd(keys.feed_interest(stack.feed), {f"tick:{s}": time.time() + 120 for s in SYMBOLS})
            stack.start_owner()
            await described(stack, redis)
            await asyncio.sleep(3)
            before = await state_of(stack, redis)
            await asyncio.sleep(SECONDS)
            after = await state_of(stack, redis)
        finally:
            await redis.aclose()
    seconds = (int(after["updated_ms"]) - int(before["updated_ms"])) / 1000
    return (int(after["ticks"]) - int(before["ticks"])) / seconds, int(after.get("dropped_frames", "0"))


async def _official() -> float:
    async with _broker(0) as origin:
        command = [sys.executable, "-m", "benchmarks.peers.official_sdk", origin, str(ROOMS), str(SECONDS)]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=dict(os.environ))
        try:
            assert process.stdout is not None
            return float(await asyncio.wait_for(process.stdout.readline(), 60))
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
