"""A broker that hangs up, refuses, falls silent, talks nonsense or cannot be reached."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from breezeway.clock import IST
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack, run_feed_stack
from breezeway.testing.feed_watch import EPOCH, described, feed_state, journal, listening, state_of

pytestmark = pytest.mark.e2e


@pytest_asyncio.fixture
async def feeds(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[FeedStack]:
    """Owners that keep their lease though a busy machine stops them for seconds: here the broker is the trouble."""
    async with run_feed_stack(postgres, valkey, tmp_path, FEED_LEASE_SECONDS="20") as stack:
        yield stack


async def test_f_06_a_broker_that_cannot_be_reached_costs_no_lease(feeds: FeedStack, redis: "Redis") -> None:
    """F-06: owner and broker cut apart while Redis works: `degraded`, back-off, the same owner, then ticks again."""
    feeds.start_owner()
    async with listening(feeds) as client:
        before = await described(feeds, redis)
        await feeds.control("/_sim/faults", {"kind": "refuse_socket", "seconds": 1})
        await feeds.control("/_sim/faults", {"kind": "disconnect", "count": 1})
        await feed_state(client, "degraded")
        assert (await client.next("tick", seconds=90))["seq"] // EPOCH == int(before["fence"])
        assert (await state_of(feeds, redis))["owner"] == before["owner"]
        attempts = [e for e in await journal(feeds) if e["kind"] == "socket" and e["event"] in ("connect", "refused")]
        assert len(attempts) < 12, "the broker was hammered"


async def test_f_13_credentials_are_read_on_every_connect(feeds: FeedStack, redis: "Redis") -> None:
    """F-13: a lost socket is opened again with what the vault says now, and the gap is announced."""
    feeds.start_owner()
    async with listening(feeds) as client:
        await described(feeds, redis)
        reads = feeds.neighbours.credential_reads
        await feeds.control("/_sim/faults", {"kind": "disconnect", "count": 1})
        gap = await client.next("gap", seconds=90)
        assert gap["from"] <= gap["to"]
        tick = await client.next("tick", seconds=90)
        assert tick["seq"] // EPOCH == int((await state_of(feeds, redis))["fence"])
        assert feeds.neighbours.credential_reads > reads


async def test_f_13_the_daily_rollover_is_said_once_not_hammered_and_heals(feeds: FeedStack, redis: "Redis") -> None:
    """F-13: the broker ends the session, as midnight does. `session_expired` until there is a new one, then ticks
    again, with no process restarted and at most one try meanwhile."""
    feeds.start_owner()
    async with listening(feeds) as client:
        await described(feeds, redis)
        reads = feeds.neighbours.credential_reads
        await feeds.control("/_sim/faults", {"kind": "expire_session"})
        await feed_state(client, "session_expired")
        await asyncio.sleep(3)
        assert feeds.neighbours.credential_reads == reads + 1
        assert [report["outcome"] for report in feeds.neighbours.reports] == ["expired"]
        await feeds.neighbours.log_in()
        feeds.neighbours.version += 1
        await redis.publish(keys.broker_session_events(), b"{}")
        await client.next("tick", seconds=90)


async def test_f_13_an_expired_session_ends_the_feed_until_there_is_another(feeds: FeedStack, redis: "Redis") -> None:
    """F-13: once auth lists the session no longer, nobody holds the feed; a new session brings it back."""
    feeds.start_owner()
    async with listening(feeds) as client:
        await described(feeds, redis)
        feeds.neighbours.connected = False
        await redis.publish(keys.broker_session_events(), b"{}")
        await feed_state(client, "no_session")

        async def free() -> bool:
            return await redis.get(keys.feed_lease(feeds.feed)) is None

        await eventually(free, 60)
        feeds.neighbours.connected = True
        feeds.neighbours.version += 1
        await redis.publish(keys.broker_session_events(), b"{}")
        client.clear()
        await client.next("tick", seconds=90)


@pytest.mark.slow
async def test_f_14_a_mute_socket_is_replaced(feeds: FeedStack, redis: "Redis") -> None:
    """F-14: connected, authenticated, subscribed, and silent, while the market is open."""
    feeds.start_owner()
    async with listening(feeds) as client:
        await described(feeds, redis)
        await asyncio.sleep(2)
        await feeds.control("/_sim/faults", {"kind": "mute", "seconds": 17})
        await feed_state(client, "stalled", 90)
        assert (await client.next("tick", seconds=90))["type"] == "tick"


async def test_f_16_nonsense_on_the_socket_is_counted_and_passed_over(feeds: FeedStack, redis: "Redis") -> None:
    """F-16: frames that no decoder expects, duplicates and swapped ones among good ones. The feed goes on."""
    feeds.start_owner()
    async with listening(feeds) as client:
        before = await described(feeds, redis)
        await feeds.control("/_sim/faults", {"kind": "malformed_frame", "count": 100})
        await feeds.control("/_sim/faults", {"kind": "duplicate_ticks", "count": 50})
        await feeds.control("/_sim/faults", {"kind": "reorder_ticks", "count": 50})
        heard = 0
        async with asyncio.timeout(60):
            while heard < 200:
                heard += (await client.read())["type"] == "tick"

        async def counted() -> bool:
            return int((await state_of(feeds, redis)).get("malformed_frames", "0")) >= 100

        await eventually(counted, 60)
        now = await state_of(feeds, redis)
        assert (now["owner"], now["state"]) == (before["owner"], "live")


async def test_f_18_a_frozen_broker_is_found_out_by_its_silence(feeds: FeedStack, redis: "Redis") -> None:
    """F-18: the connection is established and nothing moves on it (the broker's process is stopped), so that no
    library notices. Our own clock does."""
    feeds.start_owner()
    async with listening(feeds) as client:
        await described(feeds, redis)
        await asyncio.sleep(2)
        assert feeds.simulator is not None
        os.kill(feeds.simulator.pid, signal.SIGSTOP)
        try:
            await feed_state(client, "stalled", 90)
        finally:
            os.kill(feeds.simulator.pid, signal.SIGCONT)
        client.clear()
        await client.next("gap", seconds=90)
        await client.next("tick", seconds=90)


async def test_the_brokers_own_bars_and_order_events_reach_the_client(feeds: FeedStack, redis: "Redis") -> None:
    """1-second and 1-minute OHLC channels and order notifications are carried like ticks and depth."""
    feeds.start_owner()
    symbol = "NSE:RELIANCE"  # trades every few seconds at least
    async with listening(feeds, 1, f"candle:1s:{symbol}", f"candle:1m:{symbol}", "orders") as client:

        async def joined() -> bool:
            entries = await journal(feeds)
            return any(entry.get("endpoint") == "ohlcvstream" and entry["event"] == "join" for entry in entries)

        await eventually(joined, 90)
        user = feeds.neighbours.broker_user_id
        await feeds.control("/_sim/order-event", {"user_id": user})
        order = await client.next("broker_order", seconds=90)
        assert (order["side"], order["quantity"], order["offset"]) == ("buy", 50, 1)
        assert user not in str(order)
        client.clear()
        seconds: dict[int, tuple[float, ...]] = {}
        async for message in client.messages(90):
            if message["type"] == "candle" and message["interval"] == "1s" and message["closed"]:
                seconds[message["t"]] = tuple(message[name] for name in "ohlcv")
            if len(seconds) >= 5:
                break
        # The first may have been joined in its middle, the last is perhaps not corrected yet.
        whole = sorted(seconds)[1:-1]
        truth = await _truth(feeds, symbol, min(seconds), max(seconds))
        assert whole, f"only {len(seconds)} seconds were traded"
        assert {t: seconds[t] for t in whole} == {t: truth.get(t) for t in whole}


async def _truth(feeds: FeedStack, symbol: str, start: int, end: int) -> dict[int, tuple[float, ...]]:
    params = {
        "symbol": feeds.neighbours.tokens[symbol],
        "interval": "1second",
        "from": datetime.fromtimestamp(start, IST).isoformat(),
        "to": datetime.fromtimestamp(end, IST).isoformat(),
    }
    async with httpx.AsyncClient() as http:
        answer = (await http.get(feeds.simulator_url + "/_sim/truth/candles", params=params)).raise_for_status().json()
    return {row[0]: tuple(row[1:6]) for row in answer["candles"]}
