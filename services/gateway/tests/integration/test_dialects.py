"""Alpaca's protocol and MessagePack over real sockets; the test publishes what a feed owner would.

`AlpacaClient` does by hand what the `DataStream` of alpaca-py does, so that every frame can be looked at: it asks for
MessagePack with a header, insists on two greetings in order, sends tuples of symbols, and reads `t` as a MessagePack
timestamp. `test_alpaca_client.py` has the real one.
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgpack
import pytest
import pytest_asyncio
import websockets
from redis.asyncio import Redis

from breezeway.contracts.stream import CandleMessage, TickMessage, encode
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.redis import keys
from breezeway.testing.feed_stack import FeedStack, run_gateway

NOW = int(time.time() * 1000)


@pytest_asyncio.fixture(scope="module")
async def gateway(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FeedStack]:
    async with run_gateway(valkey, Path(tmp_path_factory.mktemp("gateway"))) as stack:
        stack.neighbours.tokens = {f"NSE:S{n}": f"4.1!{n}" for n in range(1_200)}
        yield stack


def tick(symbol: str, seq: int, volume: int, bid: float = 100.0, upper: float = 110.0) -> bytes:
    head = (symbol, seq, 100.5, 7, NOW, bid, 11, 101.0, 12, 99.0, 102.0, 98.0, 99.5, 1.0, volume, 100.2)
    return encode(TickMessage(*head, None, 10, 20, 90.0, upper, NOW + 5))


async def publish(redis: "Redis", stack: FeedStack, channel: str, body: bytes) -> None:
    await redis.hset(keys.snapshot(stack.feed), channel, body)  # type: ignore[misc,arg-type]
    assert await redis.publish(keys.feed_channel(stack.feed, channel), body) == 1


class AlpacaClient:
    def __init__(self, socket: websockets.ClientConnection, *, packed: bool) -> None:
        self.socket, self.packed = socket, packed

    async def send(self, body: Any) -> None:
        await self.socket.send(msgpack.packb(body) if self.packed else json.dumps(body))

    async def read(self) -> list[dict[str, Any]]:
        frame = await self.socket.recv()
        assert isinstance(frame, bytes) == self.packed
        return list(msgpack.unpackb(frame) if isinstance(frame, bytes) else json.loads(frame))


@asynccontextmanager
async def connect(stack: FeedStack, *, packed: bool = True, secret: str | None = None) -> AsyncIterator[AlpacaClient]:
    headers = {"Content-Type": "application/msgpack"} if packed else {}
    url = stack.gateway_url.replace("http", "ws") + "/ws/alpaca/v2/breeze"
    async with websockets.connect(url, additional_headers=headers, proxy=None) as socket:
        client = AlpacaClient(socket, packed=packed)
        assert await client.read() == [{"T": "success", "msg": "connected"}]
        secret = secret if secret is not None else stack.neighbours.access_token()
        await client.send({"action": "auth", "key": "K", "secret": secret})
        yield client


@asynccontextmanager
async def authenticated(stack: FeedStack, *, packed: bool = True) -> AsyncIterator[AlpacaClient]:
    async with connect(stack, packed=packed) as client:
        assert await client.read() == [{"T": "success", "msg": "authenticated"}]
        yield client


async def test_trades_quotes_and_bars_arrive_under_the_names_that_were_asked_for(
    gateway: FeedStack, redis: "Redis"
) -> None:
    await publish_nothing(redis, gateway)
    async with authenticated(gateway) as client:
        await client.send({"action": "subscribe", "trades": ("S1",), "quotes": ("S1",), "bars": ("NSE:S2",)})
        (answer,) = await client.read()
        empty = {kind: [] for kind in ("updatedBars", "dailyBars", "statuses", "lulds")}
        corrections = {"corrections": ["S1"], "cancelErrors": ["S1"]}
        assert answer == {
            "T": "subscription", "trades": ["S1"], "quotes": ["S1"], "bars": ["NSE:S2"], **empty, **corrections
        }  # fmt: skip
        await publish(redis, gateway, "tick:NSE:S1", tick("NSE:S1", 1, 1_000))
        (first,) = await client.read()
        assert (first["T"], first["S"], first["bp"], first["bs"], first["ap"]) == ("q", "S1", 100.0, 11, 101.0)
        await publish(redis, gateway, "tick:NSE:S1", tick("NSE:S1", 2, 1_007))
        (trade,) = await client.read()
        assert (trade["T"], trade["S"], trade["p"], trade["s"], trade["z"]) == ("t", "S1", 100.5, 7, "NSE")
        assert trade["t"].to_unix_nano() == NOW * 1_000_000
        bar = CandleMessage("NSE:S2", "1m", 1_700_000_040, 1.0, 2.0, 0.5, 1.5, 10, None, closed=False)
        await publish(redis, gateway, "candle:1m:NSE:S2", encode(bar))
        closed = CandleMessage("NSE:S2", "1m", 1_700_000_040, 1.0, 2.0, 0.5, 1.7, 12, None, closed=True)
        await publish(redis, gateway, "candle:1m:NSE:S2", encode(closed))
        (message,) = await client.read()
        assert (message["T"], message["S"], message["c"], message["v"]) == ("b", "NSE:S2", 1.7, 12)
        assert message["t"].seconds == 1_700_000_040


async def publish_nothing(redis: "Redis", stack: FeedStack) -> None:
    await redis.delete(keys.snapshot(stack.feed))


async def test_json_clients_get_times_as_rfc_3339_and_unsubscribing_answers_with_what_is_left(
    gateway: FeedStack, redis: "Redis"
) -> None:
    await publish_nothing(redis, gateway)
    async with authenticated(gateway, packed=False) as client:
        await client.send({"action": "subscribe", "quotes": ["NSE:S3"], "lulds": ["NSE:S3"], "trades": ["NSE:S4"]})
        await client.read()
        await client.send({"action": "unsubscribe", "quotes": ["NSE:S3"]})
        (left,) = await client.read()
        assert (left["quotes"], left["lulds"], left["trades"]) == ([], ["NSE:S3"], ["NSE:S4"])
        await publish(redis, gateway, "tick:NSE:S3", tick("NSE:S3", 1, 1))
        (band,) = await client.read()
        assert (band["T"], band["u"], band["d"]) == ("l", 110.0, 90.0)
        assert band["t"].endswith("Z")
        assert abs(_seconds(band["t"]) - NOW / 1000) < 1
        await client.send({"action": "unsubscribe", "lulds": ["NSE:S3"], "trades": ["NSE:S4"]})
        assert (await client.read())[0]["trades"] == []


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"action": "auth", "key": "K", "secret": "again"}, 403),
        ({"action": "dance"}, 400),
        ({"action": "subscribe", "trades": "S1"}, 400),
        ({"action": "subscribe", "trades": ["NOBODY"]}, 400),
        ({"action": "subscribe", "bars": ["*"]}, 409),
        ({"action": "subscribe", "trades": [f"NSE:S{n}" for n in range(1_001)]}, 405),
    ],
)
async def test_a_wrong_command_is_an_error_and_changes_nothing(
    gateway: FeedStack, command: dict[str, Any], code: int
) -> None:
    async with authenticated(gateway) as client:
        await client.send(command)
        (error,) = await client.read()
        assert (error["T"], error["code"]) == ("error", code)
        await client.send({"action": "unsubscribe"})
        assert (await client.read())[0]["trades"] == []


@pytest.mark.parametrize(("secret", "code"), [("nonsense", 402), ("", 402)])
async def test_a_wrong_secret_is_told_and_closed(gateway: FeedStack, secret: str, code: int) -> None:
    async with connect(gateway, secret=secret) as client:
        assert [m["code"] for m in await client.read()] == [code]
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.read()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


async def test_before_auth_nothing_can_be_subscribed_and_patience_ends(gateway: FeedStack) -> None:
    url = gateway.gateway_url.replace("http", "ws") + "/ws/alpaca/v2/breeze"
    async with websockets.connect(url, proxy=None) as socket:
        client = AlpacaClient(socket, packed=False)
        await client.read()
        await client.send({"action": "subscribe", "trades": ["S1"]})
        assert (await client.read())[0]["code"] == 401
        assert (await client.read())[0]["code"] == 404


async def test_our_own_protocol_as_msgpack(gateway: FeedStack, redis: "Redis") -> None:
    await publish_nothing(redis, gateway)
    async with websockets.connect(gateway.stream_url + "?encoding=msgpack", proxy=None) as socket:
        client = AlpacaClient(socket, packed=True)
        await client.send({"action": "auth", "token": gateway.neighbours.access_token()})
        assert (await client.read())[0]["type"] == "authenticated"
        await client.send({"action": "subscribe", "id": 1, "channels": ["tick:NSE:S9"]})
        assert (await client.read())[0]["channels"] == ["tick:NSE:S9"]
        await publish(redis, gateway, "tick:NSE:S9", tick("NSE:S9", 5, 1))
        assert (await client.read())[0] == json.loads(tick("NSE:S9", 5, 1))
        await client.socket.send(b"\xc1")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.read()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4500
