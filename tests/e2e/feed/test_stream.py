"""Ticks from the simulator's socket, through owner, Redis and gateway, to a WebSocket client."""

import time
from collections import defaultdict

import numpy as np
import pytest

from breezeway.testing.feed_stack import FeedStack
from breezeway.testing.stream_client import StreamClient

pytestmark = pytest.mark.e2e

RATE = 500
SECONDS = 6


async def test_500_ticks_a_second_arrive_unbroken(feeds: FeedStack, capsys: pytest.CaptureFixture[str]) -> None:
    feeds.start_owner()
    await feeds.set_tick_rate(RATE)
    symbols = list(feeds.neighbours.tokens)[:40]
    async with StreamClient.connect(feeds.stream_url, feeds.neighbours.access_token()) as client:
        await client.subscribe([f"tick:{symbol}" for symbol in symbols])
        await client.next("tick", seconds=90)
        # Read, not slept: what waits in the socket would otherwise count as slow.
        async for _ in client.messages(1):
            pass
        numbers: dict[str, list[int]] = defaultdict(list)
        latencies: list[float] = []
        started = time.monotonic()
        async for message in client.messages(SECONDS):
            if message["type"] == "tick":
                numbers[message["symbol"]].append(message["seq"])
                latencies.append(client.received_ms - message["ts"])
        elapsed = time.monotonic() - started
    received = sum(map(len, numbers.values()))
    with capsys.disabled():
        middle, high = np.percentile(latencies, [50, 99])
        print(f"\n{received / elapsed:.0f} ticks/s, owner to client p50 {middle:.1f} ms, p99 {high:.1f} ms")
    for symbol, seen in numbers.items():
        assert seen == list(range(seen[0], seen[0] + len(seen))), symbol
    assert received > RATE * SECONDS * 0.5
    assert len(numbers) >= 30
