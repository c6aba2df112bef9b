"""Latency from our feed to a client of the stream, over the real hops.

    python benchmarks/stream.py --url http://127.0.0.1:8000 --email demo@example.com --rate 500 --seconds 60

Signs in (or takes `--token`), sets the simulator's tick rate when `--simulator` is given, subscribes, listens, and
prints p50, p99 and the largest latency over *every* tick, and whether `seq` was unbroken.
"""

import argparse
import asyncio
import getpass
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field

import httpx
import numpy as np

from breezeway.testing.stream_client import StreamClient

SYMBOLS = (
    "RELIANCE INFY TCS SBIN HDFCBANK ICICIBANK ITC LT AXISBANK KOTAKBANK MARUTI TITAN WIPRO NTPC ONGC COALINDIA CIPLA "
    "HCLTECH TECHM SUNPHARMA BHARTIARTL HINDUNILVR ASIANPAINT BAJFINANCE BAJAJFINSV POWERGRID TATASTEEL JSWSTEEL "
    "GRASIM ULTRACEMCO NESTLEIND BRITANNIA DRREDDY EICHERMOT HEROMOTOCO INDUSINDBK DIVISLAB ADANIPORTS HINDALCO BPCL"
)


@dataclass
class Result:
    """What one client saw."""

    latencies: list[float] = field(default_factory=list)
    sequences: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    frames: int = 0
    gaps: int = 0

    @property
    def breaks(self) -> int:
        """Places where `seq` did not rise by exactly one."""
        return sum(int(np.count_nonzero(np.diff(seen) != 1)) for seen in self.sequences.values())


async def listen(url: str, token: str, symbols: list[str], seconds: float, warm_up: float) -> Result:
    """Everything that one client receives within `seconds`, after a warm-up."""
    result = Result()
    stream = url.replace("http", "ws", 1).rstrip("/") + "/ws/v1/stream"
    async with StreamClient.connect(stream, token) as client:
        await client.subscribe([f"tick:{symbol}" for symbol in symbols])
        async for _ in client.messages(warm_up):
            pass
        before = client.frames
        async for message in client.messages(seconds):
            if message["type"] == "tick":
                result.latencies.append(client.received_ms - message["ts"])
                result.sequences[message["symbol"]].append(message["seq"])
            elif message["type"] == "gap":
                result.gaps += 1
        result.frames = client.frames - before
    return result


async def sign_in(url: str, email: str, password: str) -> str:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        answer = await http.post("/api/v1/auth/login", json={"email": email, "password": password})
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token


async def set_rate(simulator: str, rate: float) -> None:
    async with httpx.AsyncClient(base_url=simulator) as http:
        (await http.post("/_sim/tick-rate", json={"rate": rate})).raise_for_status()


async def run(options: argparse.Namespace) -> bool:
    token = options.token or await sign_in(options.url, options.email, options.password)
    symbols = [f"NSE:{name}" for name in SYMBOLS.split()]
    if options.simulator:
        await set_rate(options.simulator, options.rate)
    started = time.monotonic()
    try:
        clients = [
            listen(options.url, token, symbols, options.seconds, options.warm_up) for _ in range(options.clients)
        ]
        results = await asyncio.gather(*clients)
    finally:
        if options.simulator:
            await set_rate(options.simulator, 0)
    took = time.monotonic() - started - options.warm_up
    latencies = np.concatenate([np.array(result.latencies) for result in results])
    if not len(latencies):
        print("no tick arrived", file=sys.stderr)
        return False
    middle, high = np.percentile(latencies, [50, 99])
    breaks, gaps = sum(r.breaks for r in results), sum(r.gaps for r in results)
    print(f"{len(latencies):,} ticks to {options.clients} clients in {took:.0f} s: {len(latencies) / took:,.0f}/s")
    print(f"feed to client: p50 {middle:.1f} ms, p99 {high:.1f} ms, max {latencies.max():.1f} ms")
    print(f"ticks a frame: {len(latencies) / max(1, sum(r.frames for r in results)):.1f}")
    print(f"breaks in seq: {breaks}, gaps announced: {gaps}")
    return breaks == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the gateway")
    parser.add_argument("--simulator", help="the simulator's origin, to set the tick rate")
    parser.add_argument("--email")
    parser.add_argument("--password", default=os.environ.get("BREEZEWAY_PASSWORD"), help="asked for when missing")
    parser.add_argument("--token", default=os.environ.get("BREEZEWAY_TOKEN"))
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--warm-up", type=float, default=3)
    parser.add_argument("--clients", type=int, default=1)
    options = parser.parse_args()
    if not options.token and not options.email:
        parser.error("give --token or --email")
    if not options.token and not options.password:
        options.password = getpass.getpass()
    sys.exit(0 if asyncio.run(run(options)) else 1)


if __name__ == "__main__":
    main()
