"""One owner, whatever happens to it: killed, stopped and woken, told to go, cut off, refused."""

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack
from breezeway.testing.stream_client import StreamClient

pytestmark = pytest.mark.e2e

EPOCH = 10_000_000


@asynccontextmanager
async def listening(feeds: FeedStack, symbols: int = 20) -> AsyncIterator[StreamClient]:
    """A client that already hears ticks."""
    channels = [f"tick:{symbol}" for symbol in list(feeds.neighbours.tokens)[:symbols]]
    async with StreamClient.connect(feeds.stream_url, feeds.neighbours.access_token()) as client:
        await client.subscribe([*channels, "feed"])
        await client.next("tick", seconds=30)
        yield client


async def state_of(feeds: FeedStack, redis: "Redis") -> dict[str, str]:
    raw: dict[bytes, bytes] = await redis.hgetall(keys.feed_state(feeds.feed))  # type: ignore[misc]
    return {key.decode(): value.decode() for key, value in raw.items()}


async def live_sockets(feeds: FeedStack) -> int:
    async with httpx.AsyncClient() as http:
        stats = (await http.get(feeds.simulator_url + "/_sim/stats")).json()
    return sum(stats["sockets"].values())


async def tick_of_epoch(client: StreamClient, epoch: int, seconds: float) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while True:
            message = await client.read()
            if message["type"] == "tick" and message["seq"] // EPOCH >= epoch:
                return message


async def test_a_killed_owner_is_replaced_and_the_gap_announced(feeds: FeedStack, redis: "Redis") -> None:
    feeds.start_owner()
    async with listening(feeds) as client:
        feeds.start_owner()
        # The standby must be up before the kill, or its start would be measured too.
        await asyncio.sleep(4)
        await eventually(lambda: _described(feeds, redis), 10)
        before = await state_of(feeds, redis)
        feeds.owner_of(before["owner"]).kill()
        killed = time.monotonic()
        gaps: dict[str, int] = defaultdict(int)
        async with asyncio.timeout(15):
            while True:
                message = await client.read()
                if message["type"] == "gap":
                    gaps[message["symbol"]] += 1
                    assert message["from"] < message["to"]
                if message["type"] == "tick" and message["seq"] // EPOCH > int(before["fence"]):
                    break
        took = time.monotonic() - killed
        assert gaps, "the first tick of the new owner came before the gap was announced"
        assert took < 6, f"the new owner's first tick took {took:.1f} s"
        assert await live_sockets(feeds) == 1
        print(f"first tick of the new owner after {took:.2f} s")


async def _described(feeds: FeedStack, redis: "Redis") -> bool:
    state = await state_of(feeds, redis)
    return state.get("state") == "live" and "last_event_ms" in state


async def test_an_owner_that_was_asleep_publishes_nothing_when_it_wakes(feeds: FeedStack, redis: "Redis") -> None:
    feeds.start_owner()
    async with listening(feeds) as client:
        await eventually(lambda: _described(feeds, redis), 10)
        before = await state_of(feeds, redis)
        first = feeds.owner_of(before["owner"])
        feeds.start_owner()
        await asyncio.sleep(4)
        os.kill(first.pid, signal.SIGSTOP)
        await tick_of_epoch(client, int(before["fence"]) + 1, 15)
        client.clear()
        os.kill(first.pid, signal.SIGCONT)
        stale = 0
        async for message in client.messages(3):
            if message["type"] == "tick" and message["seq"] // EPOCH <= int(before["fence"]):
                stale += 1
        assert stale == 0
        await eventually(lambda: _one_socket(feeds), 15)
        log = (feeds.logs / "owner0.log").read_text()
        assert "feed_fenced" in log


async def _one_socket(feeds: FeedStack) -> bool:
    return await live_sockets(feeds) == 1


async def test_an_owner_that_is_told_to_go_hands_over_at_once(feeds: FeedStack, redis: "Redis") -> None:
    feeds.start_owner()
    async with listening(feeds) as client:
        await eventually(lambda: _described(feeds, redis), 10)
        before = await state_of(feeds, redis)
        first = feeds.owner_of(before["owner"])
        feeds.start_owner()
        await asyncio.sleep(4)
        first.terminate()
        told = time.monotonic()
        await tick_of_epoch(client, int(before["fence"]) + 1, 10)
        assert time.monotonic() - told < 3
        assert await asyncio.to_thread(first.wait, 10) in (0, -signal.SIGTERM)


async def test_redis_losing_everything_makes_a_higher_fence(feeds: FeedStack, redis: "Redis") -> None:
    feeds.start_owner()
    async with listening(feeds) as client:
        await eventually(lambda: _described(feeds, redis), 10)
        before = await state_of(feeds, redis)
        await redis.flushall()
        tick = await tick_of_epoch(client, int(before["fence"]) + 1, 15)
        assert tick["seq"] // EPOCH > int(before["fence"])


async def test_a_lost_socket_is_opened_again_with_fresh_credentials(feeds: FeedStack, redis: "Redis") -> None:
    feeds.start_owner()
    async with listening(feeds) as client:
        await eventually(lambda: _described(feeds, redis), 10)
        reads = feeds.neighbours.credential_reads
        await feeds.control("/_sim/faults", {"kind": "disconnect", "count": 1})
        gap = await client.next("gap", seconds=15)
        assert gap["from"] < gap["to"]
        assert (await client.next("tick", seconds=10))["seq"] // EPOCH == int((await state_of(feeds, redis))["fence"])
        assert feeds.neighbours.credential_reads > reads


async def test_a_refused_session_is_reported_once_and_not_hammered(feeds: FeedStack, redis: "Redis") -> None:
    feeds.start_owner()
    async with listening(feeds) as client:
        await eventually(lambda: _described(feeds, redis), 10)
        reads = feeds.neighbours.credential_reads
        # Another login ends this session at the broker, as midnight does.
        good = feeds.neighbours.session_key
        feeds.neighbours.session_key = "0" * len(good)
        await feeds.control("/_sim/faults", {"kind": "disconnect", "count": 1})
        await _feed_state(client, "session_expired")
        await asyncio.sleep(3)
        assert feeds.neighbours.credential_reads == reads + 1
        assert [report["outcome"] for report in feeds.neighbours.reports] == ["expired"]
        feeds.neighbours.session_key = good
        feeds.neighbours.version += 1
        await redis.publish(keys.broker_session_events(), b"{}")
        await client.next("tick", seconds=10)


async def _feed_state(client: StreamClient, state: str) -> None:
    async with asyncio.timeout(15):
        while (await client.next("feed"))["state"] != state:
            pass


@pytest.mark.slow
async def test_a_mute_socket_is_replaced(feeds: FeedStack, redis: "Redis") -> None:
    feeds.start_owner()
    async with listening(feeds) as client:
        await eventually(lambda: _described(feeds, redis), 10)
        await asyncio.sleep(2)
        await feeds.control("/_sim/faults", {"kind": "mute", "seconds": 16})
        await _feed_state(client, "stalled")
        assert (await client.next("tick", seconds=30))["type"] == "tick"
