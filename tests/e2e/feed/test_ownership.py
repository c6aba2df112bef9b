"""One owner, whatever happens to it: killed, stopped and woken, told to go, forgotten by Redis."""

import asyncio
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.redis.client import connect
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack, run_feed_stack
from breezeway.testing.feed_watch import (
    EPOCH,
    described,
    journal,
    listening,
    live_sockets,
    most_sockets,
    standby,
    tick_of_epoch,
    while_reading,
)

pytestmark = pytest.mark.e2e

LONG_LEASE = 60


@pytest_asyncio.fixture
async def unhurried(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[FeedStack]:
    """Leases so long that who gets one before its end was given it, however busy the machine is."""
    async with run_feed_stack(postgres, valkey, tmp_path, FEED_LEASE_SECONDS=str(LONG_LEASE)) as stack:
        yield stack


async def test_f_01_a_killed_owner_is_replaced_and_the_gap_announced(feeds: FeedStack, redis: "Redis") -> None:
    """F-01: kill -9 of the owner. Thirty kills under load are in `make soak`."""
    feeds.start_owner()
    async with listening(feeds) as client:
        await while_reading(client, standby(feeds, redis))
        before = await while_reading(client, described(feeds, redis))
        feeds.owner_of(before["owner"]).kill()
        killed = time.monotonic()
        gaps: dict[str, int] = defaultdict(int)
        async with asyncio.timeout(90):
            while True:
                message = await client.read()
                if message["type"] == "gap":
                    gaps[message["symbol"]] += 1
                    assert message["from"] < message["to"]
                if message["type"] == "tick" and message["seq"] // EPOCH > int(before["fence"]):
                    break
        took = time.monotonic() - killed
        assert gaps, "the first tick of the new owner came before the gap was announced"
        assert set(gaps.values()) == {1}
        assert await live_sockets(feeds) == 1
        assert most_sockets(await journal(feeds)) == 1
        print(f"first tick of the new owner after {took:.2f} s")


async def test_f_02_an_owner_that_is_told_to_go_hands_over_at_once(unhurried: FeedStack, redis: "Redis") -> None:
    """F-02: SIGTERM. The socket is closed first and the lease released, so that nobody waits for it to run out."""
    feeds = unhurried
    feeds.start_owner()
    async with listening(feeds) as client:
        before = await while_reading(client, described(feeds, redis))
        first = feeds.owner_of(before["owner"])
        await while_reading(client, standby(feeds, redis))
        first.terminate()
        told = time.monotonic()
        await tick_of_epoch(client, int(before["fence"]) + 1, LONG_LEASE - 10)
        assert await asyncio.to_thread(first.wait, 60) in (0, -signal.SIGTERM)
        assert most_sockets(await journal(feeds)) == 1
        print(f"first tick of the successor after {time.monotonic() - told:.2f} s")


async def test_f_03_an_owner_that_was_asleep_publishes_nothing_when_it_wakes(feeds: FeedStack, redis: "Redis") -> None:
    """F-03: SIGSTOP of the owner beyond its lease, then CONT: fenced, silent, and its socket closed."""
    feeds.start_owner()
    await feeds.set_tick_rate(500)
    async with listening(feeds) as client:
        before = await while_reading(client, described(feeds, redis))
        first = feeds.owner_of(before["owner"])
        await while_reading(client, standby(feeds, redis))
        os.kill(first.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        await tick_of_epoch(client, int(before["fence"]) + 1, 90)
        async for _ in client.messages(max(0.1, 5 - (time.monotonic() - stopped))):
            pass
        client.clear()
        os.kill(first.pid, signal.SIGCONT)
        woken = time.monotonic()
        closing = asyncio.create_task(eventually(lambda: _one_socket(feeds), 90))
        stale = 0
        async for message in client.messages(3):
            if message["type"] == "tick" and message["seq"] // EPOCH <= int(before["fence"]):
                stale += 1
        await closing
        assert stale == 0
        assert "feed_fenced" in (feeds.logs / "owner0.log").read_text()
        entries = [e for e in await journal(feeds) if e["kind"] == "socket"]
        print(f"{len(entries)} socket events, one socket again within {time.monotonic() - woken:.1f} s")


async def _one_socket(feeds: FeedStack) -> bool:
    return await live_sockets(feeds) == 1


async def test_f_07_redis_losing_everything_makes_a_higher_fence(feeds: FeedStack, redis: "Redis") -> None:
    """F-07: FLUSHALL. The fence is minted in PostgreSQL, so the next epoch is above all that Redis has forgotten."""
    feeds.start_owner()
    async with listening(feeds) as client:
        before = await while_reading(client, described(feeds, redis))
        await redis.flushall()
        tick = await tick_of_epoch(client, int(before["fence"]) + 1, 90)
        assert tick["seq"] // EPOCH > int(before["fence"])


async def test_f_07_redis_restarting_without_its_data_ends_nothing(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    """F-07: Redis goes down for two seconds and comes back empty. A higher epoch, a gap, ticks, and one socket."""
    with EmbeddedValkey(tmp_path / "valkey") as valkey:
        async with run_feed_stack(postgres, valkey, tmp_path) as feeds:
            feeds.start_owner()
            redis = connect(valkey.url)
            try:
                async with listening(feeds) as client:
                    before = await while_reading(client, described(feeds, redis))
                    await asyncio.to_thread(valkey.stop)
                    await asyncio.sleep(2)
                    await asyncio.to_thread(valkey.start)
                    started = time.monotonic()
                    gap = await client.next("gap", seconds=90)
                    assert gap["to"] > gap["from"]
                    tick = await tick_of_epoch(client, int(before["fence"]) + 1, 90)
                    assert tick["seq"] // EPOCH > int(before["fence"])
                    print(f"first tick {time.monotonic() - started:.1f} s after Redis was back")
                assert most_sockets(await journal(feeds)) == 1
            finally:
                await redis.aclose()


async def test_f_11_a_rolling_restart_loses_little_and_doubles_nothing(unhurried: FeedStack, redis: "Redis") -> None:
    """F-11: two owners replaced one after the other under load. Ten times, with the pauses held, is in `make soak`."""
    await roll(unhurried, redis, times=2, rate=300, longest=LONG_LEASE - 10)


@pytest.mark.soak
async def test_f_11_ten_rolling_restarts(feeds: FeedStack, redis: "Redis") -> None:
    """F-11 as the matrix asks for it."""
    await roll(feeds, redis, times=10, rate=1_000, longest=4)


async def roll(feeds: FeedStack, redis: "Redis", *, times: int, rate: int, longest: float) -> None:
    feeds.start_owner()
    await feeds.set_tick_rate(rate)
    async with listening(feeds, 50) as client:
        seen: Counter[tuple[str, int]] = Counter()
        pauses: list[float] = []
        fence = 0
        for _ in range(times):
            before = await while_reading(client, described(feeds, redis, after_fence=fence))
            fence = int(before["fence"])
            await while_reading(client, standby(feeds, redis))
            feeds.owner_of(before["owner"]).terminate()
            last, done = time.monotonic(), False
            async with asyncio.timeout(90):
                while not done:
                    message = await client.read()
                    if message["type"] != "tick":
                        continue
                    seen[message["symbol"], message["seq"]] += 1
                    if message["seq"] // EPOCH > fence:
                        pauses.append(time.monotonic() - last)
                        done = True
                    last = time.monotonic()
        assert max(seen.values()) == 1, "a message was delivered twice"
        assert max(pauses) < longest, f"the pauses were {pauses}"
        assert most_sockets(await journal(feeds)) == 1
        print(f"pauses of {times} restarts: {', '.join(f'{pause:.2f}' for pause in pauses)} s")
