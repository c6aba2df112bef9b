"""Gateways hold nothing: clients spread over several of them, or over several processes of one port, miss nothing."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest
import pytest_asyncio
import websockets
from redis.asyncio import Redis

from breezeway.bus.durable import DurableChannels
from breezeway.cli.stack import uvicorn
from breezeway.client.credentials import ApiKey
from breezeway.client.messages import Event
from breezeway.client.stream import Stream
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.contracts.stream import TickMessage, encode
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import REPOSITORY, FeedStack, free_port, run_gateway
from breezeway.testing.stream_client import StreamClient

SYMBOLS = [f"NSE:M{n}" for n in range(20)]


def tick(symbol: str, seq: int) -> bytes:
    return encode(TickMessage(symbol, seq, 1.0, *[None] * 18, 1_700_000_000_000))  # type: ignore[call-arg]


async def publish(redis: "Redis", stack: FeedStack, seqs: range) -> None:
    for seq in seqs:
        async with redis.pipeline(transaction=False) as pipe:
            for symbol in SYMBOLS:
                pipe.publish(keys.feed_channel(stack.feed, f"tick:{symbol}"), tick(symbol, seq))
            await pipe.execute()


def client(stack: FeedStack, user: UUID | None = None) -> Any:
    return StreamClient.connect(stack.stream_url, stack.neighbours.access_token(user_id=user or new_id()))


@pytest_asyncio.fixture(scope="module")
async def pair(
    valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[FeedStack, FeedStack]]:
    """Two gateways at addresses of their own, with the same Redis, auth and instruments."""
    tmp_path = tmp_path_factory.mktemp("pair")
    async with run_gateway(valkey, tmp_path) as first:
        first.neighbours.tokens = {symbol: f"4.1!{number}" for number, symbol in enumerate(SYMBOLS)}
        url = f"http://127.0.0.1:{free_port()}"
        (tmp_path / "second").mkdir()
        second = dataclasses.replace(
            first,
            gateway_url=url,
            environment={**first.environment, "GATEWAY_URL": url},
            logs=tmp_path / "second",
            gateway=None,
        )
        try:
            await second.start_gateway()
            yield first, second
        finally:
            await second.stop_gateway()


async def test_clients_spread_over_two_gateways_all_hear_everything_once_and_in_order(
    pair: tuple[FeedStack, FeedStack], redis: "Redis"
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients: list[StreamClient] = []
        for number in range(8):
            clients.append(await stack.enter_async_context(client(pair[number % 2])))
            await clients[-1].subscribe([f"tick:{symbol}" for symbol in SYMBOLS])
        await publish(redis, pair[0], range(1, 51))
        for each in clients:
            heard: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}
            for _ in range(50 * len(SYMBOLS)):
                message = await each.next("tick")
                heard[message["symbol"]].append(message["seq"])
            assert heard == {symbol: list(range(1, 51)) for symbol in SYMBOLS}


async def test_a_user_is_revoked_on_every_gateway(pair: tuple[FeedStack, FeedStack], redis: "Redis") -> None:
    user = new_id()
    async with client(pair[0], user) as one, client(pair[1], user) as two, client(pair[1]) as other:
        event = CredentialsRevoked(user_id=user, session_id=None, reason="disabled")
        await redis.publish(keys.user_revoked(), event.model_dump_json())
        for theirs in (one, two):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await theirs.next("never")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401
        await other.send({"action": "ping", "id": 1})
        assert (await other.next("pong"))["id"] == 1


async def test_a_durable_channel_goes_on_at_the_other_gateway_when_the_first_goes_down(
    pair: tuple[FeedStack, FeedStack], redis: "Redis"
) -> None:
    user, orders = new_id(), DurableChannels(redis)
    async with client(pair[0], user) as stream:
        await stream.subscribe(["orders"])
        await stream.next("position")
        await orders.append(user, "orders", {"type": "order", "number": 1})
        last = await stream.next("order")
        assert pair[0].gateway is not None
        pair[0].gateway.terminate()
        await stream.next("closing", seconds=20)
        for number in (2, 3):
            await orders.append(user, "orders", {"type": "order", "number": number})
    async with client(pair[1], user) as stream:
        since = {"offset": last["offset"], "epoch": last["epoch"]}
        await stream.send({"action": "subscribe", "id": 1, "channels": [{"channel": "orders", "since": since}]})
        position = await stream.next("position")
        assert (position["recovered"], position["offset"]) == (True, last["offset"] + 2)
        await orders.append(user, "orders", {"type": "order", "number": 4})
        assert [(await stream.next("order"))["number"] for _ in range(3)] == [2, 3, 4]
    await asyncio.to_thread(pair[0].gateway.wait, 20)
    await pair[0].start_gateway()


async def test_processes_that_share_a_port_share_its_clients_and_one_that_dies_is_replaced(
    valkey: EmbeddedValkey, redis: "Redis", tmp_path: Path
) -> None:
    """`GATEWAYS=2 breezeway run` starts the gateway with this command."""
    async with run_gateway(valkey, tmp_path) as stack:
        stack.neighbours.tokens = {symbol: f"4.1!{number}" for number, symbol in enumerate(SYMBOLS)}
        port = free_port()
        shared = dataclasses.replace(stack, gateway_url=f"http://127.0.0.1:{port}")
        with (tmp_path / "shared.log").open("wb") as log:
            master = subprocess.Popen(  # noqa: ASYNC220 - our own command; starting it takes no time
                uvicorn("gateway_service.main", "127.0.0.1", port, workers=2),
                env={**os.environ, **stack.environment, "GATEWAY_URL": shared.gateway_url},
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await eventually(lambda: _ready(shared), 60, every=0.2)
            # Both are there before clients come: the first to listen would otherwise take them all.
            await eventually(lambda: len(_workers(master)) == 2, 60, every=0.2)
            await _use(shared, redis, master)
        finally:
            os.killpg(master.pid, signal.SIGTERM)
            try:
                await asyncio.to_thread(master.wait, 20)
            except subprocess.TimeoutExpired:
                os.killpg(master.pid, signal.SIGKILL)
                await asyncio.to_thread(master.wait, 5)


async def _use(shared: FeedStack, redis: "Redis", master: "subprocess.Popen[bytes]") -> None:
    user, orders = shared.neighbours.user_id, DurableChannels(redis)
    credentials = ApiKey(shared.neighbours.add_api_key())
    async with contextlib.AsyncExitStack() as closing:
        streams = [
            await closing.enter_async_context(Stream(shared.gateway_url, lambda: credentials, ["orders"]))
            for _ in range(8)
        ]
        await eventually(lambda: all(each.channels for each in streams), 60)
        serving = await asyncio.to_thread(_serving, master, int(shared.gateway_url.rpartition(":")[2]))
        assert sum(serving.values()) == 8
        async with websockets.connect(shared.stream_url, compression="deflate", proxy=None) as offering:
            assert offering.protocol.extensions == [], "compressing every frame for every client was agreed to"
        await orders.append(user, "orders", {"type": "order", "number": 1})
        assert [await _number(each) for each in streams] == [1] * 8
        os.kill(max(serving, key=lambda pid: serving[pid]), signal.SIGKILL)
        await orders.append(user, "orders", {"type": "order", "number": 2})
        assert [await _number(each) for each in streams] == [2] * 8
        assert sum(each.reconnects for each in streams) >= max(serving.values())
        await eventually(lambda: len(_workers(master)) == 2, 60, every=0.2)


async def _number(stream: Stream) -> int:
    async with asyncio.timeout(60):
        async for message in stream:
            if isinstance(message, Event):
                return int(message.body["number"])
    raise AssertionError("the stream has ended")


async def _ready(stack: FeedStack) -> bool:
    try:
        async with httpx.AsyncClient() as http:
            return (await http.get(stack.gateway_url + "/readyz", timeout=2)).status_code == 200
    except httpx.HTTPError:
        return False


def _workers(master: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """The processes that serve: multiprocessing's helper is none of them."""
    return [child for child in psutil.Process(master.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def _serving(master: "subprocess.Popen[bytes]", port: int) -> dict[int, int]:
    """Process to how many streams it has."""
    found = {worker.pid: worker.net_connections("tcp") for worker in _workers(master)}
    return {
        pid: sum(1 for each in connections if each.status == "ESTABLISHED" and each.laddr.port == port)
        for pid, connections in found.items()
    }
