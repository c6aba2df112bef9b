"""W-03 in full: five seconds without Redis, after which nobody believes to have heard everything."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from redis.asyncio import Redis

from breezeway.bus.durable import DurableChannels
from breezeway.contracts.stream import TickMessage, encode
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack, run_gateway
from breezeway.testing.stream_client import StreamClient
from breezeway.testing.tcp_proxy import tcp_proxy

CUT_SECONDS = 5.0
SYMBOLS = ("NSE:S1", "NSE:S2")


async def test_w_03_five_seconds_without_redis_are_a_gap_for_everybody_and_cost_no_order(
    valkey: EmbeddedValkey, redis: "Redis", tmp_path: Path
) -> None:
    async with tcp_proxy(valkey.url) as way:
        cut_off = urlsplit(valkey.url)._replace(
            netloc=f"{urlsplit(valkey.url).netloc.rpartition('@')[0]}@{_place(way.url)}"
        )
        async with run_gateway(valkey, tmp_path, REDIS_URL=cut_off.geturl()) as stack:
            stack.neighbours.tokens = {symbol: f"4.1!{number}" for number, symbol in enumerate(SYMBOLS)}
            users = [new_id(), new_id()]
            tokens = [stack.neighbours.access_token(user_id=user) for user in users]
            async with (
                StreamClient.connect(stack.stream_url, tokens[0]) as one,
                StreamClient.connect(stack.stream_url, tokens[1]) as two,
            ):
                clients = (one, two)
                for each in clients:
                    await each.subscribe([*(f"tick:{symbol}" for symbol in SYMBOLS), "orders"])
                    await each.next("position")
                await _order(redis, users, 1)
                assert [(await each.next("order"))["number"] for each in clients] == [1, 1]
                way.cut(refuse=True)
                await asyncio.sleep(CUT_SECONDS / 2)
                assert await _readiness(stack) == 503
                await _order(redis, users, 2)
                await _say(redis, stack, 1)
                await asyncio.sleep(CUT_SECONDS / 2)
                way.mend()
                for each in clients:
                    heard = [await each.next("gap", seconds=30) for _ in SYMBOLS]
                    assert {gap["symbol"] for gap in heard} == set(SYMBOLS)
                    assert all(gap["to"] - gap["from"] >= CUT_SECONDS * 1_000 * 0.8 for gap in heard)
                    assert (await each.next("order", seconds=30))["number"] == 2
                await _say(redis, stack, 2)
                for each in clients:
                    assert (await each.next("tick", seconds=30))["seq"] == 2
                await eventually(lambda: _ready(stack), 30, every=0.2)


async def _say(redis: "Redis", stack: FeedStack, seq: int) -> None:
    for symbol in SYMBOLS:
        tick = TickMessage(symbol, seq, 1.0, *[None] * 18, 1_700_000_000_000)  # type: ignore[call-arg]
        await redis.publish(keys.feed_channel(stack.feed, f"tick:{symbol}"), encode(tick))


async def _order(redis: "Redis", users: list[UUID], number: int) -> None:
    for user in users:
        await DurableChannels(redis).append(user, "orders", {"type": "order", "number": number})


async def _readiness(stack: FeedStack) -> int:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"{stack.gateway_url}/readyz", timeout=20)).status_code


async def _ready(stack: FeedStack) -> bool:
    return await _readiness(stack) == 200


def _place(url: str) -> str:
    return urlsplit(url).netloc
