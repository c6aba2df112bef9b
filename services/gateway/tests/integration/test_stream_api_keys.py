"""API keys on the stream: our own protocol and Alpaca's, deleted keys, and keys that outlive their tokens."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import websockets
from redis.asyncio import Redis

from breezeway.contracts.auth import CredentialsRevoked
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.redis import keys
from breezeway.testing.feed_stack import FeedStack, run_gateway


@pytest_asyncio.fixture(scope="module")
async def gateway(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FeedStack]:
    async with run_gateway(valkey, Path(tmp_path_factory.mktemp("gateway"))) as stack:
        stack.neighbours.tokens = {"NSE:S1": "4.1!1"}
        yield stack


def dial(stack: FeedStack, path: str = "/ws/v1/stream") -> websockets.connect:
    url = stack.gateway_url.replace("http", "ws", 1) + path
    return websockets.connect(url, compression=None, proxy=None)


async def say(
    socket: websockets.ClientConnection, command: dict[str, Any], seconds: float = 10
) -> list[dict[str, Any]]:
    await socket.send(json.dumps(command))
    async with asyncio.timeout(seconds):
        answer: list[dict[str, Any]] = json.loads(await socket.recv())
    return answer


async def closed_with(socket: websockets.ClientConnection, seconds: float = 60) -> tuple[int, str]:
    async with asyncio.timeout(seconds):
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")


async def test_a_key_opens_the_stream_and_its_deletion_closes_it(gateway: FeedStack, redis: Redis) -> None:
    key = gateway.neighbours.add_api_key()
    key_id = gateway.neighbours.api_keys[key]
    async with dial(gateway) as socket:
        (welcome,) = await say(socket, {"action": "auth", "api_key": key, "id": 7})
        assert (welcome["type"], welcome["id"]) == ("authenticated", 7)
        assert welcome["user_id"] == str(gateway.neighbours.user_id)
        (subscribed,) = await say(socket, {"action": "subscribe", "id": 1, "channels": ["tick:NSE:S1"]})
        assert subscribed["channels"] == ["tick:NSE:S1"]
        started = time.monotonic()
        record = CredentialsRevoked(user_id=gateway.neighbours.user_id, session_id=f"key:{key_id}").model_dump_json()
        await redis.xadd(keys.revocations(), {"body": record})
        assert await closed_with(socket) == (4401, "credentials_revoked")
        assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        ({"action": "auth", "api_key": "bwk_nobody_knows"}, (4401, "api_key_invalid")),
        ({"action": "auth", "api_key": "nonsense"}, (4401, "api_key_invalid")),
        ({"action": "auth", "api_key": "bwk_a_b", "token": "x"}, (4500, "The first frame must be auth.")),
        ({"action": "auth", "api_key": 7}, (4500, "The first frame must be auth.")),
        ({"action": "auth"}, (4500, "The first frame must be auth.")),
    ],
)
async def test_what_is_no_good_key_is_closed(
    gateway: FeedStack, command: dict[str, Any], closed: tuple[int, str]
) -> None:
    async with dial(gateway) as socket:
        await socket.send(json.dumps(command))
        assert await closed_with(socket) == closed


async def test_a_key_from_a_foreign_address_is_told_not_to_come_back(gateway: FeedStack) -> None:
    key = gateway.neighbours.add_api_key()
    gateway.neighbours.api_key_ips = ["203.0.113.0/24"]
    try:
        async with dial(gateway) as socket:
            await socket.send(json.dumps({"action": "auth", "api_key": key}))
            assert await closed_with(socket) == (4503, "api_key_ip_refused")
    finally:
        gateway.neighbours.api_key_ips = []


@pytest.mark.parametrize("way", ["two parts", "whole key as secret", "no key"])
async def test_alpaca_clients_may_use_a_key(gateway: FeedStack, way: str) -> None:
    key = gateway.neighbours.add_api_key()
    name, _, secret = key.rpartition("_")
    credentials = {
        "two parts": {"key": name, "secret": secret},
        "whole key as secret": {"key": "anything", "secret": key},
        "no key": {"secret": key},
    }
    async with dial(gateway, "/ws/alpaca/v2/breeze") as socket:
        assert json.loads(await socket.recv()) == [{"T": "success", "msg": "connected"}]
        assert await say(socket, {"action": "auth", **credentials[way]}) == [{"T": "success", "msg": "authenticated"}]


async def test_alpaca_clients_with_half_a_key_are_refused(gateway: FeedStack) -> None:
    name, _, secret = gateway.neighbours.add_api_key().rpartition("_")
    async with dial(gateway, "/ws/alpaca/v2/breeze") as socket:
        await socket.recv()
        assert await say(socket, {"action": "auth", "key": name, "secret": secret[:-1]}) == [
            {"T": "error", "code": 402, "msg": "auth failed"}
        ]


@pytest.mark.slow
async def test_a_key_that_stays_good_keeps_its_stream_beyond_one_token(gateway: FeedStack) -> None:
    """Each exchange is good for a quarter of an hour, here for three seconds; a program has nothing fresher to send."""
    neighbours = gateway.neighbours
    key = neighbours.add_api_key()
    neighbours.api_key_seconds = 3
    try:
        async with dial(gateway) as socket:
            await say(socket, {"action": "auth", "api_key": key})
            for _ in range(12):
                (pong,) = await say(socket, {"action": "ping", "id": 1})
                assert pong["type"] == "pong"
                await asyncio.sleep(1)
            del neighbours.api_keys[key]
            code, reason = await closed_with(socket, 30)
            assert (code, reason) in {(4401, "api_key_invalid"), (4401, "authentication_expired")}
    finally:
        neighbours.api_key_seconds = 900


async def test_a_key_follows_only_what_its_scopes_cover(gateway: FeedStack) -> None:
    token = gateway.neighbours.access_token(sid="key:narrow", scope="data")
    async with dial(gateway) as socket:
        await say(socket, {"action": "auth", "token": token})
        refused = await say(socket, {"action": "subscribe", "id": 1, "channels": ["tick:NSE:S1", "orders"]})
        (error,) = [message for message in refused if message["type"] == "error"]
        assert (error["code"], error["channel"]) == ("scope_missing", "orders")
        subscribed = [message for message in refused if message["type"] == "subscribed"]
        while not subscribed:
            async with asyncio.timeout(60):
                subscribed = [m for m in json.loads(await socket.recv()) if m["type"] == "subscribed"]
        assert subscribed[0]["channels"] == ["tick:NSE:S1"]
