"""The stream over real sockets and a real Valkey; the test publishes what a feed owner would."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import websockets
from redis.asyncio import Redis

from breezeway.bus.durable import DurableChannels
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.contracts.stream import CandleMessage, TickMessage, encode
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack, run_gateway
from breezeway.testing.stream_client import StreamClient


@pytest_asyncio.fixture(scope="module")
async def gateway(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FeedStack]:
    """One gateway process for the file."""
    async with run_gateway(valkey, Path(tmp_path_factory.mktemp("gateway"))) as stack:
        stack.neighbours.tokens = {f"NSE:S{n}": f"4.1!{n}" for n in range(1_200)}
        yield stack


def tick(symbol: str, seq: int) -> bytes:
    quote = TickMessage(
        *(symbol, seq, 100.5, 1, 1_700_000_000_000, 100.0, 1, 101.0, 1, 99.0, 102.0, 98.0, 99.5, 1.0, 1_000, 100.2),
        *(None, 10, 20, 90.0, 110.0, int(time.time() * 1000)),
    )
    return encode(quote)


async def publish(redis: "Redis", stack: FeedStack, channel: str, body: bytes, *, snapshot: bool = True) -> int:
    if snapshot:
        await redis.hset(keys.snapshot(stack.feed), channel, body)  # type: ignore[misc,arg-type]
    return int(await redis.publish(keys.feed_channel(stack.feed, channel), body))


def client(stack: FeedStack, **claims: Any) -> Any:
    return StreamClient.connect(stack.stream_url, stack.neighbours.access_token(**claims))


async def closed_with(socket: websockets.ClientConnection, seconds: float = 60) -> int:
    async with asyncio.timeout(seconds):
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 1006


async def test_subscribe_answers_with_the_whole_canonical_set(gateway: FeedStack, redis: "Redis") -> None:
    async with client(gateway) as stream:
        first = await stream.subscribe(["tick:4.1!7", "orders"])
        assert first["channels"] == ["tick:NSE:S7", "orders"]
        second = await stream.subscribe(["candle:15m:NSE:S7", "tick:NSE:S7"])
        assert second["channels"] == ["tick:NSE:S7", "orders", "candle:15m:NSE:S7"]
        await stream.send({"action": "unsubscribe", "id": 9, "channels": ["orders", "tick:NSE:S1"]})
        gone = await stream.next("unsubscribed")
        assert (gone["id"], gone["channels"]) == (9, ["tick:NSE:S7", "candle:15m:NSE:S7"])
        await stream.send({"action": "ping", "id": 3})
        pong = await stream.next("pong")
        assert pong["id"] == 3
        assert abs(pong["ts"] - time.time() * 1000) < 5_000


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("tick:NSE:NOBODY", "instrument_not_found"),
        ("tick", "invalid_channel"),
        ("news:NSE:S1", "invalid_channel"),
        ("orders:NSE:S1", "invalid_channel"),
        ("candle:7m:NSE:S1", "unsupported_interval"),
        ("candle:1M:NSE:S1", "unsupported_interval"),
    ],
)
async def test_a_refused_channel_does_not_spoil_the_others(gateway: FeedStack, channel: str, code: str) -> None:
    async with client(gateway) as stream:
        await stream.send({"action": "subscribe", "id": 5, "channels": [channel, "tick:NSE:S1"]})
        error = await stream.next("error")
        assert (error["id"], error["code"], error["channel"]) == (5, code, channel)
        assert (await stream.next("subscribed"))["channels"] == ["tick:NSE:S1"]


async def test_a_snapshot_comes_first_and_nothing_older_after_it(gateway: FeedStack, redis: "Redis") -> None:
    await publish(redis, gateway, "tick:NSE:S2", tick("NSE:S2", 41))
    async with client(gateway) as stream:
        await stream.subscribe(["tick:NSE:S2"])
        assert (await stream.next("tick"))["seq"] == 41
        for seq in (40, 41, 42, 43):
            await publish(redis, gateway, "tick:NSE:S2", tick("NSE:S2", seq))
        assert [(await stream.next("tick"))["seq"] for _ in range(2)] == [42, 43]


async def test_two_clients_of_one_channel_get_the_same_bytes(gateway: FeedStack, redis: "Redis") -> None:
    bar = encode(CandleMessage("NSE:S3", "1m", 1_700_000_040, 1.0, 2.0, 0.5, 1.5, 10, None, closed=True))
    async with client(gateway) as one, client(gateway) as two:
        await one.subscribe(["candle:1m:NSE:S3"])
        await two.subscribe(["candle:1m:NSE:S3"])
        assert await publish(redis, gateway, "candle:1m:NSE:S3", bar, snapshot=False) == 1
        for stream in (one, two):
            assert await stream.next("candle") == json.loads(bar)


async def test_interest_reaches_the_owner_and_lapses(gateway: FeedStack, redis: "Redis") -> None:
    async with redis.pubsub() as heard:
        await heard.subscribe(keys.interest_changed())
        async with client(gateway) as stream:
            await stream.subscribe(["depth:NSE:S4", "orders"])
            assert await redis.zscore(keys.feed_interest(gateway.feed), "depth:NSE:S4") is not None
            assert await redis.zscore(keys.feed_interest(gateway.feed), "orders") is None

            async def announced() -> bool:
                message = await heard.get_message(ignore_subscribe_messages=True, timeout=0.1)
                return message is not None and message["data"].decode() == gateway.feed

            await eventually(announced, 60)


async def test_private_channels_belong_to_one_user(gateway: FeedStack, redis: "Redis") -> None:
    other = new_id()
    async with client(gateway) as mine, client(gateway, user_id=other) as theirs:
        await mine.subscribe(["backfills"])
        await theirs.subscribe(["backfills"])
        event = b'{"type":"backfill","state":"running"}'
        assert await redis.publish(keys.user_channel(gateway.neighbours.user_id, "backfills"), event) == 1
        assert (await mine.next("backfill"))["state"] == "running"
        await theirs.send({"action": "ping", "id": 1})
        seen = [message["type"] async for message in theirs.messages(0.3)]
        assert seen == ["pong"]


async def test_without_a_broker_session_every_channel_says_so(gateway: FeedStack) -> None:
    gateway.neighbours.connected = False
    try:
        async with client(gateway, user_id=new_id()) as stream:
            await stream.send({"action": "subscribe", "id": 1, "channels": ["tick:NSE:S1", "backfills"]})
            error = await stream.next("error")
            assert (error["code"], error["channel"]) == ("no_broker_session", "tick:NSE:S1")
            assert (await stream.next("subscribed"))["channels"] == ["backfills"]
    finally:
        gateway.neighbours.connected = True


async def test_a_connection_has_at_most_a_thousand_channels(gateway: FeedStack) -> None:
    async with client(gateway) as stream:
        for start in (0, 500):
            await stream.subscribe([f"tick:NSE:S{n}" for n in range(start, start + 500)])
        await stream.send({"action": "subscribe", "id": 8, "channels": ["tick:NSE:S1100", "tick:NSE:S1"]})
        error = await stream.next("error")
        assert (error["code"], error["channel"]) == ("too_many_channels", "tick:NSE:S1100")
        assert len((await stream.next("subscribed"))["channels"]) == 1_000


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 4500),
        ("[1]", 4500),
        ("[" * 50_000, 4500),
        ('{"action":"ping","x":"' + "x" * 70_000 + '"}', 4500),
        ('{"action":"ping"}', 4401),
        ('{"action":"auth","token":"nonsense"}', 4401),
    ],
)
async def test_a_bad_first_frame_closes(gateway: FeedStack, frame: str, code: int) -> None:
    async with websockets.connect(gateway.stream_url, proxy=None) as socket:
        await socket.send(frame)
        assert await closed_with(socket) == code


async def test_who_says_nothing_is_closed_after_ten_seconds(gateway: FeedStack) -> None:
    async with websockets.connect(gateway.stream_url, proxy=None) as socket:
        started = time.monotonic()
        assert await closed_with(socket, 60) == 4401
        assert 9 < time.monotonic() - started < 60


@pytest.mark.parametrize("query", ["token=eyJhbGciOi", "access_token=x", "API_KEY=x"])
async def test_a_credential_in_the_url_is_refused_before_the_upgrade(gateway: FeedStack, query: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"{gateway.stream_url}?{query}", proxy=None)
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["code"] == "credential_in_url"


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_page_of_another_origin_is_refused_before_the_upgrade(gateway: FeedStack, origin: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(gateway.stream_url, additional_headers={"Origin": origin}, proxy=None)
    assert refused.value.response.status_code == 403


async def test_our_own_page_may_connect(gateway: FeedStack) -> None:
    headers = {"Origin": gateway.gateway_url}
    async with websockets.connect(gateway.stream_url, additional_headers=headers, proxy=None):
        pass


async def test_a_token_may_be_renewed_but_not_exchanged(gateway: FeedStack) -> None:
    async with client(gateway, seconds=30) as stream:
        await stream.send({"action": "auth", "id": 2, "token": gateway.neighbours.access_token(seconds=600)})
        renewed = await stream.next("authenticated")
        assert renewed["expires_at"] > (time.time() + 500) * 1000
        await stream.send({"action": "auth", "token": gateway.neighbours.access_token(user_id=new_id())})
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await stream.next("never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4503


async def test_an_expired_token_closes(gateway: FeedStack) -> None:
    async with client(gateway, seconds=1) as stream:
        started = time.monotonic()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await stream.next("never", seconds=60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        assert time.monotonic() - started < 61


async def test_revocation_closes_within_two_seconds_and_only_that_sign_in(gateway: FeedStack, redis: "Redis") -> None:
    user = new_id()
    async with client(gateway, user_id=user, sid="out") as gone, client(gateway, user_id=user, sid="in") as stays:
        event = CredentialsRevoked(user_id=user, session_id="out")
        await redis.publish(keys.user_revoked(), event.model_dump_json())
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await gone.next("never", seconds=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        await stays.send({"action": "ping", "id": 1})
        await stays.next("pong")


async def test_a_user_has_at_most_ten_connections(gateway: FeedStack) -> None:
    user = new_id()
    token = gateway.neighbours.access_token(user_id=user)
    sockets = []
    try:
        for _ in range(10):
            socket = await websockets.connect(gateway.stream_url, proxy=None)
            sockets.append(socket)
            await socket.send(json.dumps({"action": "auth", "token": token}))
            assert json.loads(await socket.recv())[0]["type"] == "authenticated"
        async with websockets.connect(gateway.stream_url, proxy=None) as eleventh:
            await eleventh.send(json.dumps({"action": "auth", "token": token}))
            assert await closed_with(eleventh) == 4504
    finally:
        for socket in sockets:
            await socket.close()


async def test_w_01_a_client_that_never_reads_is_closed_and_harms_nobody(gateway: FeedStack, redis: "Redis") -> None:
    """W-01: one client stops reading. It is dropped; the others wait for nothing. `make bench` compares the p99."""
    names = [f"NSE:S{n}" for n in range(50)]
    lazy = await websockets.connect(gateway.stream_url, max_queue=1, compression=None, proxy=None)
    try:
        await lazy.send(json.dumps({"action": "auth", "token": gateway.neighbours.access_token()}))
        await lazy.send(json.dumps({"action": "subscribe", "id": 1, "channels": [f"tick:{n}" for n in names]}))
        lazy.transport.pause_reading()
        async with client(gateway) as stream:
            await stream.subscribe([f"tick:{name}" for name in names])
            delays: list[float] = []
            seq, started, connections = 1_000, time.monotonic(), 2
            while time.monotonic() - started < 14 and connections > 1:
                seq += 1
                async with redis.pipeline(transaction=False) as pipe:
                    for name in names:
                        pipe.publish(keys.feed_channel(gateway.feed, f"tick:{name}"), tick(name, seq))
                    sent = time.monotonic()
                    await pipe.execute()
                async for message in stream.messages(2):
                    if message["type"] == "tick" and message["symbol"] == names[-1] and message["seq"] == seq:
                        break
                else:
                    pytest.fail("the healthy client missed a tick")
                delays.append(time.monotonic() - sent)
                if seq % 50 == 0:
                    connections = await _open_connections(gateway)
            assert connections == 1
            async with httpx.AsyncClient() as http:
                metrics = (await http.get(f"{gateway.gateway_url}/metrics", timeout=30)).text
            assert 'breezeway_stream_closed_total{reason="too_slow"} 1.0' in metrics
            assert sorted(delays)[int(len(delays) * 0.99)] < 0.25
    finally:
        lazy.transport.abort()


async def _open_connections(stack: FeedStack) -> int:
    """Established sockets of the gateway process at its own port."""
    import psutil

    assert stack.gateway is not None
    port = int(stack.gateway_url.rpartition(":")[2])
    found = await asyncio.to_thread(psutil.Process(stack.gateway.pid).net_connections, "tcp")
    return sum(1 for c in found if c.status == "ESTABLISHED" and c.laddr.port == port)


async def test_w_03_a_cut_from_redis_becomes_a_gap_for_every_client(gateway: FeedStack, redis: "Redis") -> None:
    """W-03: the way between gateway and Redis is cut. It comes back by itself, and nobody believes to have all."""
    async with client(gateway) as one, client(gateway) as two:
        await one.subscribe(["tick:NSE:S5", "candle:1m:NSE:S5"])
        await two.subscribe(["tick:NSE:S6"])
        await redis.client_kill_filter(_type="pubsub")
        gap = await one.next("gap", seconds=60)
        assert (gap["symbol"], gap["reason"]) == ("NSE:S5", "stream_interrupted")
        assert gap["from"] <= gap["to"]
        assert (await two.next("gap", seconds=60))["symbol"] == "NSE:S6"
        await publish(redis, gateway, "tick:NSE:S6", tick("NSE:S6", 77))
        assert (await two.next("tick"))["seq"] == 77


async def test_a_new_broker_session_moves_the_client_to_its_feed(gateway: FeedStack, redis: "Redis") -> None:
    old = gateway.neighbours.account_id
    try:
        async with client(gateway, user_id=new_id()) as stream:
            await stream.subscribe(["tick:NSE:S8"])
            gateway.neighbours.account_id = new_id()
            await publish(redis, gateway, "tick:NSE:S8", tick("NSE:S8", 5))
            await redis.publish(keys.broker_session_events(), b"{}")
            assert (await stream.next("feed"))["state"] == "moved"
            assert (await stream.next("tick"))["seq"] == 5
    finally:
        gateway.neighbours.account_id = old


async def test_w_13_shutting_down_sends_everybody_away_with_a_hint(
    valkey: EmbeddedValkey, redis: "Redis", tmp_path: Path
) -> None:
    """W-13: SIGTERM. Not ready any more, everybody closed with a pause to come back after, gone within ten seconds;
    orders that were said meanwhile are there for whoever comes back."""
    user = new_id()
    async with run_gateway(valkey, tmp_path) as stack, client(stack, user_id=user) as stream:
        await stream.subscribe(["orders"])
        await DurableChannels(redis).append(user, "orders", {"type": "order", "number": 1})
        last = await stream.next("order")
        assert stack.gateway is not None
        stack.gateway.terminate()
        hint = await stream.next("closing", seconds=20)
        assert (hint["code"], hint["reason"]) == (4410, "going_away")
        assert 500 <= hint["retry_after_ms"] <= 5_000
        assert not await _is_ready(stack)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await stream.next("never", seconds=20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4410
        assert await asyncio.to_thread(stack.gateway.wait, 15) is not None
    await DurableChannels(redis).append(user, "orders", {"type": "order", "number": 2})
    (tmp_path / "next").mkdir()
    async with run_gateway(valkey, tmp_path / "next") as stack, client(stack, user_id=user) as stream:
        since = {"offset": last["offset"], "epoch": last["epoch"]}
        await stream.send({"action": "subscribe", "id": 1, "channels": [{"channel": "orders", "since": since}]})
        assert (await stream.next("order"))["number"] == 2


async def _is_ready(stack: FeedStack) -> bool:
    try:
        async with httpx.AsyncClient() as http:
            return (await http.get(stack.gateway_url + "/readyz", timeout=5)).status_code == 200
    except httpx.HTTPError:
        return False
