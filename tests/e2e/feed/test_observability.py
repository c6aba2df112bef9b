"""What an operator sees of the stream: every number that was promised, by its name, from the processes that know it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient

pytestmark = pytest.mark.e2e

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def test_the_stream_and_its_feed_can_be_watched(stack: StackProcess, user: ApiUser) -> None:
    """Tick age, rates, lag, owners, fence, queue bytes, conflations, gaps and each hop's latency; `/api/v1/feed`."""
    await user.connect_broker()
    async with (
        StreamClient.connect(stack.url.replace("http", "ws") + "/ws/v1/stream", user.token) as client,
        httpx.AsyncClient(timeout=10) as http,
    ):
        await client.subscribe(["tick:NSE:RELIANCE", "tick:NSE:SBIN"])
        await client.next("tick", seconds=60)
        broken = {"kind": "disconnect", "user_id": "U" + user.api_key[2:-1].upper()}
        (await http.post(f"{user.simulator}/_sim/faults", json=broken)).raise_for_status()
        gap = await client.next("gap", seconds=60)
        await client.next("tick", seconds=60)

        async def feed_is_well() -> bool:
            async for _ in client.messages(0.5):
                pass
            described = (await user.http.get("/api/v1/feed")).raise_for_status().json()
            return (
                described["state"] == "live" and described["last_gap"] is not None and described["age_ms"] is not None
            )

        await eventually(feed_is_well, 60, every=0.2)
        described = (await user.http.get("/api/v1/feed")).json()
        owner = await _scrape(http, await asyncio.to_thread(_address_of_owner, stack))
        gateway = await _scrape(http, stack.url)
    feed = {"feed": user.account_id}
    assert described["owner"]
    assert described["connected_at"]
    assert described["subscriptions"] >= 2
    assert described["ticks_per_second"] >= 0
    assert described["last_gap"]["reason"] == gap["reason"]

    assert 0 <= one(owner, "breezeway_feed_tick_age_seconds", feed) < 60
    assert one(owner, "breezeway_feed_ticks_per_second", feed) >= 0
    assert one(owner, "breezeway_feed_ticks", feed) >= 2
    assert one(owner, "breezeway_feed_owners") == 1
    assert one(owner, "breezeway_feeds_owned") >= 1
    assert one(owner, "breezeway_feed_fence", feed) == described["fence"]
    assert one(owner, "breezeway_feed_state", {**feed, "state": "live"}) == 1
    assert one(owner, "breezeway_feed_gaps_total", {"reason": gap["reason"]}) >= 1
    assert one(owner, "breezeway_feed_gap_seconds_total") >= 0
    assert one(owner, "breezeway_feed_malformed_frames", feed) == 0
    for hop in ("exchange_to_owner", "owner_to_redis"):
        assert one(owner, "breezeway_feed_hop_seconds_count", {"hop": hop}) >= 1
        assert one(owner, "breezeway_feed_hop_seconds_bucket", {"hop": hop, "le": "+Inf"}) >= 1

    assert one(gateway, "breezeway_stream_connections") >= 1
    assert one(gateway, "breezeway_stream_users") >= 1
    assert one(gateway, "breezeway_stream_messages_total") >= 2
    assert one(gateway, "breezeway_stream_deliveries_total") >= 2
    assert one(gateway, "breezeway_stream_waiting_bytes") >= 0
    assert one(gateway, "breezeway_stream_waiting_bytes_largest") >= 0
    assert one(gateway, "breezeway_stream_conflated_total") >= 0
    assert one(gateway, "breezeway_stream_gaps_total") >= 0
    assert one(gateway, "breezeway_stream_broker_connected") == 1
    for hop in ("owner_to_gateway", "in_gateway"):
        assert one(gateway, "breezeway_stream_hop_seconds_count", {"hop": hop}) >= 1
        assert one(gateway, "breezeway_stream_hop_seconds_bucket", {"hop": hop, "le": "+Inf"}) >= 1
    for process in (owner, gateway):
        assert one(process, "breezeway_event_loop_lag_seconds_count") >= 1
        assert one(process, "breezeway_event_loop_blocked_seconds") >= 0


def one(samples: Samples, name: str, labels: Mapping[str, str] | None = None) -> float:
    """The value of a sample, whatever the format of its number."""
    found = samples.get((name, frozenset((labels or {}).items())))
    assert found is not None, f"{name}{dict(labels or {})} is not in /metrics"
    return found


async def _scrape(http: httpx.AsyncClient, url: str) -> Samples:
    text = (await http.get(f"{url}/metrics")).raise_for_status().text
    samples: list[Any] = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def _address_of_owner(stack: StackProcess) -> str:
    """The feed owner answers on a port that the system has chosen."""
    process = psutil.Process(stack.component("feed-owner"))
    port = next(each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN)
    return f"http://127.0.0.1:{port}"
