"""What a gateway process bears beside raw throughput: a thousand different clients, thousands of idle ones, and one
that never reads.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks import fanout, fanout_load
from benchmarks.fanout import OURS, SYMBOLS
from benchmarks.table import Row
from breezeway.embedded.valkey import EmbeddedValkey

WIDE_CLIENTS, WIDE_SYMBOLS, WIDE_EACH, WIDE_RATE = 1_000, 500, 50, 1_000
IDLE_CLIENTS = 2_000
LAZY_RATE = 2_000


def rows() -> Iterator[Row]:
    """Three runs of some seconds each."""
    with tempfile.TemporaryDirectory(prefix="breezeway-limits-") as folder, EmbeddedValkey(Path(folder)) as valkey:
        wide = asyncio.run(_wide(valkey, Path(folder)))
        work = f"fan-out, {WIDE_CLIENTS:,} clients x {WIDE_EACH} of {WIDE_SYMBOLS}, {WIDE_RATE:,} ticks/s in"
        yield Row(work, OURS, f"{wide}, {wide.lost_clients} clients lost")
        memory = asyncio.run(_idle(valkey, Path(folder)))
        yield Row(f"memory of an idle authenticated connection, {IDLE_CLIENTS:,} open", OURS, f"{memory / 1000:.1f} kB")
        alone, beside = asyncio.run(_lazy(valkey, Path(folder)))
        change = beside.p99_ms / alone.p99_ms - 1
        work = f"p99 of {fanout.CLIENTS} clients at {LAZY_RATE:,} ticks/s, beside one that never reads"
        yield Row(work, OURS, f"{alone.p99_ms:.1f} -> {beside.p99_ms:.1f} ms ({change:+.0%})")


async def _wide(valkey: EmbeddedValkey, logs: Path) -> fanout.Figure:
    dice = random.Random(500)
    symbols = [f"NSE:W{n}" for n in range(WIDE_SYMBOLS)]
    channels = [[f"tick:{s}" for s in dice.sample(symbols, WIDE_EACH)] for _ in range(WIDE_CLIENTS)]
    async with fanout.gateway(valkey, logs, channels, symbols) as target:
        return await fanout.once(target, WIDE_RATE)


async def _idle(valkey: EmbeddedValkey, logs: Path) -> float:
    """Bytes a connection: what the process grew by, its own pages only."""
    channels: list[list[str]] = [["orders"]] * IDLE_CLIENTS
    async with fanout.gateway(valkey, logs, channels, SYMBOLS) as target:
        server = psutil.Process(target.process.pid)
        # A few come and go first, so that what is loaded on first use is not counted.
        few = fanout_load.Plan(target.url, target.tokens[:20], channels[:20])
        async with fanout.child("benchmarks.fanout_load", few) as load:
            assert load.stdout is not None
            await asyncio.wait_for(load.stdout.readline(), 60)
        await asyncio.sleep(2)
        before = server.memory_full_info().uss
        async with fanout.child(
            "benchmarks.fanout_load", fanout_load.Plan(target.url, target.tokens, channels)
        ) as load:
            assert load.stdout is not None
            assert await asyncio.wait_for(load.stdout.readline(), 120) == b"ready\n"
            await asyncio.sleep(2)
            return float(server.memory_full_info().uss - before) / IDLE_CLIENTS


async def _lazy(valkey: EmbeddedValkey, logs: Path) -> tuple[fanout.Figure, fanout.Figure]:
    channels = [[f"tick:{s}" for s in SYMBOLS]] * (fanout.CLIENTS + 1)
    async with fanout.gateway(valkey, logs, channels[1:], SYMBOLS) as target:
        alone = await fanout.once(target, LAZY_RATE)
    async with fanout.gateway(valkey, logs, channels, SYMBOLS) as target:
        return alone, await fanout.once(target, LAZY_RATE, lazy=1)
