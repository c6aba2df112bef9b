"""Fan-out: 100 WebSocket clients, each on 50 instruments, against one gateway process and the peers.

    python -m benchmarks.fanout 10000 20000      # ticks a second in; each is delivered 100 times

A real Valkey, a real gateway, a publisher that feeds Redis as the feed owner does, and the load generator, each in a
process of its own and all on the same cores. A row is the throughput inside a window of some seconds and the latency of
*every* delivery in it, from the moment the tick was due until the client had its frame. `kept` is the part of the
deliveries that arrived: a gateway that cannot keep up conflates, and a client must not be flattered by what it missed.

The peers: a FastAPI route with a Redis subscription per socket as its users write and run it (`uvicorn app:app`, the
server's own defaults), the same tuned by us (no compression, bytes passed on), and Django Channels with each of
its two layers under daphne. All clients offer compression as browsers do; ours and daphne decline it.
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
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import fanout_load, fanout_publisher
from benchmarks.table import Row
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import free_port, run_gateway

CLIENTS, INSTRUMENTS = 100, 50
RATES = (1_000, 10_000, 15_000, 20_000, 25_000, 30_000, 35_000)
OURS = "Breezeway"
NAIVE = "FastAPI, a subscription per socket"
TUNED = "the same FastAPI, tuned by us"
CHANNELS = "Django Channels, Redis layer"
CHANNELS_MEMORY = "Django Channels, in-memory layer"
PEER_RATES = {
    NAIVE: (50, 100, 150, 200, 300, 450),
    TUNED: (150, 300, 600, 900),
    CHANNELS: (25, 50, 100, 200),
    CHANNELS_MEMORY: (5, 10, 15, 20, 25),
}
CHANNELS_LAYERS = {CHANNELS: "redis", CHANNELS_MEMORY: "memory"}
WARM_UP_SECONDS, SECONDS = 2, 5
PEER_PYTHON = Path(".venv-peers/bin/python")
SYMBOLS = [f"NSE:S{n}" for n in range(INSTRUMENTS)]


@dataclass(frozen=True, slots=True)
class Figure:
    """One run."""

    rate: int
    per_second: float
    kept: float
    p50_ms: float
    p99_ms: float
    gateway_cores: float
    load_cores: float
    ticks_a_frame: float
    lost_clients: int

    def __str__(self) -> str:
        return f"{self.per_second:,.0f}/s, p50 {self.p50_ms:.1f}, p99 {self.p99_ms:.1f} ms, kept {self.kept:.1%}"


@dataclass(frozen=True, slots=True)
class Target:
    """A server under test."""

    url: str
    feed: str
    redis_url: str
    tokens: list[str]
    process: "subprocess.Popen[bytes]"
    channels: list[list[str]]
    """Of each client."""
    symbols: list[str]

    def listeners(self, lazy: int = 0) -> float:
        """To how many clients a tick goes on average, without the last `lazy` ones."""
        counted = self.channels[: len(self.channels) - lazy]
        return sum(map(len, counted)) / len(self.symbols)


def rows() -> Iterator[Row]:
    """Every rate against us, the peers until they drown, the ceilings, and how many times the peers' ours is."""
    with tempfile.TemporaryDirectory(prefix="breezeway-fanout-") as folder, EmbeddedValkey(Path(folder)) as valkey:
        best: dict[str, float] = {}
        for name, rates in ({OURS: RATES} | PEER_RATES).items():
            if name in CHANNELS_LAYERS and not PEER_PYTHON.exists():
                sys.stderr.write(f"{name} is left out: sh .ci/peers has not been run\n")
                continue
            best[name] = 0.0
            for figure in asyncio.run(_measure(name, valkey, Path(folder), rates)):
                yield Row(f"fan-out, {CLIENTS} clients x {INSTRUMENTS}, {figure.rate:,} ticks/s in", name, str(figure))
                best[name] = max(best[name], figure.per_second)
        for name, ceiling in best.items():
            times = "" if name == OURS else f", ours is {best[OURS] / max(1, ceiling):,.0f} times that"
            yield Row("fan-out, most deliveries seen", name, f"{ceiling:,.0f}/s{times}")


async def _measure(name: str, valkey: EmbeddedValkey, logs: Path, rates: tuple[int, ...]) -> list[Figure]:
    figures: list[Figure] = []
    for rate in rates:
        # A new server for each rate: a peer that drowned in the last one may still be busy with what it owes.
        async with _target(name, valkey, logs) as target:
            figures.append(await once(target, rate))
        if figures[-1].kept < 0.5:
            break
    return figures


def _target(name: str, valkey: EmbeddedValkey, logs: Path) -> "AbstractAsyncContextManager[Target]":
    if name == OURS:
        return gateway(valkey, logs, [[f"tick:{s}" for s in SYMBOLS]] * CLIENTS, SYMBOLS)
    if name == NAIVE:
        # Nothing but the address: what the server does by default is what its users get.
        return _peer(valkey, logs, [sys.executable, "-m", "uvicorn", "benchmarks.peers.naive_fastapi:app", "--port"])
    if name == TUNED:
        return _peer(
            valkey,
            logs,
            [
                *(sys.executable, "-m", "uvicorn", "--factory", "benchmarks.peers.tuned_fastapi:create_app"),
                *("--log-level", "warning", "--loop", "uvloop", "--ws", "websockets-sansio"),
                *("--ws-per-message-deflate", "false", "--port"),
            ],
        )
    return _peer(
        valkey,
        logs,
        [str(PEER_PYTHON), "-m", "daphne", "-b", "127.0.0.1", "benchmarks.peers.channels_app:application", "-p"],
        LAYER=CHANNELS_LAYERS[name],
    )


async def once(target: Target, rate: int, *, lazy: int = 0) -> Figure:
    """One rate: connect the clients, publish, wait, count. The last `lazy` clients never read and are not counted."""
    plan = fanout_load.Plan(target.url, target.tokens, target.channels, lazy=lazy)
    server = psutil.Process(target.process.pid)
    async with child("benchmarks.fanout_load", plan) as load:
        assert load.stdout is not None
        assert load.stdin is not None
        assert await asyncio.wait_for(load.stdout.readline(), 120) == b"ready\n"
        feeding = fanout_publisher.Plan(target.redis_url, target.feed, target.symbols, rate)
        async with child("benchmarks.fanout_publisher", feeding) as publisher:
            assert publisher.stdout is not None
            assert publisher.stdin is not None
            assert await asyncio.wait_for(publisher.stdout.readline(), 60) == b"ready\n"
            start = time.time_ns() // 1000 + WARM_UP_SECONDS * 1_000_000
            end = start + SECONDS * 1_000_000
            publisher.stdin.write(f"{end + 100_000}\n".encode())
            load.stdin.write(f"[{start},{end}]\n".encode())
            await asyncio.sleep(start / 1e6 - time.time())
            before, began = sum(server.cpu_times()[:2]), time.monotonic()
            await asyncio.sleep(end / 1e6 - time.time())
            cores = (sum(server.cpu_times()[:2]) - before) / (time.monotonic() - began)
            seen: dict[str, Any] = json.loads(await asyncio.wait_for(load.stdout.readline(), 120))
            await asyncio.wait_for(publisher.wait(), 60)
    return Figure(
        rate=rate,
        per_second=seen["deliveries"] / SECONDS,
        kept=seen["deliveries"] / (rate * SECONDS * target.listeners(lazy)),
        p50_ms=seen["p50_ms"],
        p99_ms=seen["p99_ms"],
        gateway_cores=cores,
        load_cores=seen["cpu_seconds"] / (WARM_UP_SECONDS + SECONDS + 1),
        ticks_a_frame=seen["deliveries"] / max(1, seen["frames"]) * (WARM_UP_SECONDS + SECONDS) / SECONDS,
        lost_clients=seen["lost_clients"],
    )


@asynccontextmanager
async def child(module: str, plan: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, stdin=pipe, stdout=pipe)
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(plan)).encode() + b"\n")
        await process.stdin.drain()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def gateway(
    valkey: EmbeddedValkey, logs: Path, channels: list[list[str]], symbols: list[str]
) -> AsyncIterator[Target]:
    """Our gateway, with limits that let one address have all the clients."""
    overrides = {
        "BREEZEWAY_LIMITS": json.dumps({"handshake": {"ip": "10000000/60"}}),
        "BREEZEWAY_STREAM_MAX_CONNECTIONS_PER_IP": "100000",
    }
    async with run_gateway(valkey, logs, **overrides) as stack:
        stack.neighbours.tokens = {symbol: f"4.1!{n}" for n, symbol in enumerate(symbols)}
        tokens = [stack.neighbours.access_token(seconds=3_600, user_id=new_id()) for _ in channels]
        assert stack.gateway is not None
        yield Target(stack.stream_url, stack.feed, valkey.url, tokens, stack.gateway, channels, symbols)


@asynccontextmanager
async def _peer(valkey: EmbeddedValkey, logs: Path, command: list[str], **settings: str) -> AsyncIterator[Target]:
    port, feed = free_port(), "bench"
    environment = {**os.environ, "REDIS_URL": valkey.url, "FEED": feed, **settings}
    with (logs / "peer.log").open("ab") as out:
        process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own command; starting it takes no time
            [*command, str(port)], env=environment, stdout=out, stderr=out
        )
    try:
        await eventually(lambda: _listens(port), 30, every=0.1)
        channels = [[f"tick:{s}" for s in SYMBOLS]] * CLIENTS
        yield Target(
            f"ws://127.0.0.1:{port}/ws/v1/stream", feed, valkey.url, [""] * CLIENTS, process, channels, SYMBOLS
        )
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _try(rates: list[int]) -> None:
    with tempfile.TemporaryDirectory(prefix="breezeway-fanout-") as folder, EmbeddedValkey(Path(folder)) as valkey:
        async with _target(OURS, valkey, Path(folder)) as target:
            for rate in rates:
                figure = await once(target, rate)
                print(figure, asdict(figure), flush=True)


def main() -> None:
    asyncio.run(_try([int(rate) for rate in sys.argv[1:]] or list(RATES)))


if __name__ == "__main__":
    main()
