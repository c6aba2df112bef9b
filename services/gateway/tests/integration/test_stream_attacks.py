"""W-08 … W-12 over real sockets, and API keys on the stream."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import websockets
from redis.asyncio import Redis

from breezeway import cancellation
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.testing.eventually import eventually
from breezeway.testing.feed_stack import FeedStack, run_gateway
from breezeway.testing.stream_client import StreamClient

MAX_PER_IP = 12


@pytest_asyncio.fixture(scope="module")
async def gateway(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FeedStack]:
    """One gateway process for the file, with a small cap for each address."""
    variables = {"BREEZEWAY_STREAM_MAX_CONNECTIONS_PER_IP": str(MAX_PER_IP), "LOG_LEVEL": "DEBUG"}
    async with run_gateway(valkey, Path(tmp_path_factory.mktemp("gateway")), **variables) as stack:
        stack.neighbours.tokens = {f"NSE:S{n}": f"4.1!{n}" for n in range(1_200)}
        yield stack


def dial(stack: FeedStack, path: str = "/ws/v1/stream", **options: object) -> websockets.connect:
    url = stack.gateway_url.replace("http", "ws", 1) + path
    return websockets.connect(url, compression=None, proxy=None, max_size=2**24, **options)  # type: ignore[arg-type]


async def closed_with(socket: websockets.ClientConnection, seconds: float = 60) -> tuple[int, str]:
    async with asyncio.timeout(seconds):
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")


@asynccontextmanager
async def raw(stack: FeedStack) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(stack.gateway_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def answer_of(reader: asyncio.StreamReader, seconds: float = 14) -> bytes:
    async with asyncio.timeout(seconds):
        with contextlib.suppress(ConnectionResetError):
            return await reader.read()
    return b""


@pytest.mark.slow
async def test_w_08_who_is_slow_to_ask_or_to_say_who_they_are_is_closed_after_ten_seconds(gateway: FeedStack) -> None:
    """Nothing at all, half a handshake, a header a second, half a body, and a stream without an auth frame."""
    started = time.monotonic()
    async with (
        raw(gateway) as (silent, _),
        raw(gateway) as (half, half_writer),
        raw(gateway) as (dripping, dripper),
        dial(gateway) as mute,
    ):
        half_writer.write(b"GET /ws/v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        dripper.write(b"GET / HTTP/1.1\r\nHost: x\r\n")

        async def drip() -> None:
            for n in range(30):
                dripper.write(b"X-%d: 1\r\n" % n)
                await asyncio.sleep(1)

        dripped = asyncio.create_task(drip())
        answers = await asyncio.gather(answer_of(silent), answer_of(half), answer_of(dripping), closed_with(mute))
        await cancellation.end([dripped])
    assert 8 < time.monotonic() - started < 60
    assert [answer[:12] for answer in answers[:3]] == [b"HTTP/1.1 408"] * 3
    assert answers[3] == (4401, "authentication_expired")


async def test_w_08_idle_sockets_of_one_address_are_capped_and_their_places_come_free(gateway: FeedStack) -> None:
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(dial(gateway)) for _ in range(MAX_PER_IP)]
        for path in ("/ws/v1/stream", "/ws/alpaca/v2/breeze"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await stack.enter_async_context(dial(gateway, path))
            assert refused.value.response.status_code == 429
            assert json.loads(refused.value.response.body)["code"] == "too_many_connections"
            assert int(refused.value.response.headers["Retry-After"]) >= 1
        await sockets[0].close()

        async def free_again() -> bool:
            try:
                async with dial(gateway):
                    return True
            except websockets.InvalidStatus:
                return False

        await eventually(free_again, 60, every=0.1)


async def test_w_08_handshakes_of_one_address_are_limited(valkey: EmbeddedValkey, redis: Redis, tmp_path: Path) -> None:
    async with run_gateway(valkey, tmp_path, BREEZEWAY_LIMITS='{"handshake": {"ip": "3/3600"}}') as gateway:
        for _ in range(3):
            async with dial(gateway):
                pass
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with dial(gateway):
                pass
    assert refused.value.response.status_code == 429


@pytest.mark.parametrize("path", ["/ws/v1/stream", "/ws/alpaca/v2/breeze"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://evil.example", "Cookie": "refresh=1"},
        {"Cookie": "refresh=1"},
    ],
    ids=["wrong", "null", "empty", "wrong-with-cookie", "missing-with-cookie"],
)
async def test_w_09_a_foreign_page_is_refused_before_the_upgrade(
    gateway: FeedStack, path: str, headers: dict[str, str]
) -> None:
    """Cross-site WebSocket hijacking: browsers open streams of any site, and send its cookies along."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with dial(gateway, path, additional_headers=headers):
            pass
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["code"] == "origin_not_allowed"


@pytest.mark.parametrize("path", ["/ws/v1/stream", "/ws/alpaca/v2/breeze", "/api/v1/quotes"])
async def test_w_10_no_log_ever_holds_a_credential(gateway: FeedStack, redis: Redis, path: str) -> None:
    """In the query, in a header, in a frame; right and wrong. Then the log at DEBUG is searched."""
    token = gateway.neighbours.access_token()
    key, text = "bwk_" + "C4n4ry" * 3 + "wxyz", "canary-password-7731"
    secrets = [token, token.rpartition(".")[2], f"{key}_{'s3cr3t' * 7}x", text]
    for query in (f"token={token}", f"api_key={secrets[2]}", f"x={token}", f"password={text}"):
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        nonce = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        ask = upgrade + nonce if path.startswith("/ws/") else "Connection: close\r\n"
        async with raw(gateway) as (reader, writer), asyncio.timeout(60):
            writer.write(f"GET {path}?{query} HTTP/1.1\r\nHost: x\r\n{ask}X-API-Key: {secrets[2]}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readuntil(b'"request_id":"')
        assert head.startswith(b"HTTP/1.1 400")
        assert b"credential_in_url" in body
        assert not [secret for secret in secrets if secret.encode() in head + body]
    for frame in ({"action": "auth", "token": secrets[2]}, {"action": "auth", "api_key": secrets[2]}, {"auth": token}):
        async with dial(gateway) as socket:
            await socket.send(json.dumps(frame))
            code, reason = await closed_with(socket)
        assert code in (4401, 4500, 4411)
        assert not [secret for secret in secrets if secret in reason]
    log = b"".join(file.read_bytes() for file in gateway.logs.glob("*.log"))
    assert log
    assert [secret for secret in secrets if secret.encode() in log] == []


async def test_w_11_a_disabled_user_s_stream_closes_within_two_seconds(gateway: FeedStack, redis: Redis) -> None:
    """Disabling revokes everything of the user; the stream of somebody else stays."""
    user, other = new_id(), new_id()
    async with (
        StreamClient.connect(gateway.stream_url, gateway.neighbours.access_token(user_id=user)) as gone,
        StreamClient.connect(gateway.stream_url, gateway.neighbours.access_token(user_id=other)) as stays,
    ):
        started = time.monotonic()
        record = CredentialsRevoked(user_id=user, at=int(time.time()) + 1).model_dump_json()
        await redis.xadd(keys.revocations(), {"body": record})
        await redis.publish(keys.user_revoked(), record)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await gone.next("never", seconds=10)
        assert time.monotonic() - started < 30
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        await stays.send({"action": "ping", "id": 1})
        assert (await stays.next("pong"))["id"] == 1


@pytest.mark.slow
async def test_w_11_a_token_that_runs_out_closes_its_stream(gateway: FeedStack) -> None:
    async with StreamClient.connect(gateway.stream_url, gateway.neighbours.access_token(seconds=2)) as stream:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await stream.next("never", seconds=32)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "authentication_expired")


async def test_w_12_ten_thousand_channels_end_at_the_cap(gateway: FeedStack) -> None:
    async with StreamClient.connect(gateway.stream_url, gateway.neighbours.access_token()) as stream:
        for start in range(0, 10_000, 1_000):
            names = [f"tick:NSE:S{n}" for n in range(start, start + 1_000)]
            await stream.send({"action": "subscribe", "id": start, "channels": names})
        async with asyncio.timeout(30):
            while (message := await stream.read())["type"] != "subscribed" or message["id"] != 9_000:
                if message["type"] == "error":
                    assert message["code"] in ("too_many_channels", "instrument_not_found")
        assert len(message["channels"]) == 1_000


async def test_w_12_another_user_s_channel_cannot_even_be_named(gateway: FeedStack, redis: Redis) -> None:
    victim = new_id()
    async with StreamClient.connect(gateway.stream_url, gateway.neighbours.access_token()) as stream:
        for name in (
            f"orders:{victim}",
            f"user:{victim}:orders",
            f"bw:user:{victim}:orders",
            f"notifications:{victim}",
        ):
            await stream.send({"action": "subscribe", "id": 1, "channels": [name]})
            assert (await stream.next("error"))["code"] == "invalid_channel"
        await stream.subscribe(["orders"])
        assert await redis.publish(keys.user_channel(victim, "orders"), b'{"type":"order"}') == 0


async def test_w_12_a_frame_of_ten_megabytes_is_refused(gateway: FeedStack) -> None:
    async with dial(gateway) as socket:
        with contextlib.suppress(websockets.ConnectionClosed):
            await socket.send(b"x" * 10_000_000)
        code, _ = await closed_with(socket)
    assert code in (1009, 4500, 1006)
    async with StreamClient.connect(gateway.stream_url, gateway.neighbours.access_token()) as others:
        await others.send({"action": "ping", "id": 1})
        assert await others.next("pong")


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"action":"subscribe","channels":['])
@pytest.mark.parametrize("signed_in", [False, True])
async def test_w_12_nesting_ten_to_the_fifth_deep_is_a_clean_refusal(
    gateway: FeedStack, opening: str, signed_in: bool
) -> None:
    async with dial(gateway) as socket:
        if signed_in:
            await socket.send(json.dumps({"action": "auth", "token": gateway.neighbours.access_token()}))
        await socket.send((opening * 100_000)[:65_000])
        assert (await closed_with(socket))[0] == 4500
    log = b"".join(file.read_bytes() for file in gateway.logs.glob("*.log"))
    assert b"RecursionError" not in log


@pytest.mark.parametrize("kind", [b"\x91", b"\x81\xa1a", b"\xdd\x00\x00\x00\x01"])
async def test_w_12_deep_msgpack_is_a_clean_refusal(gateway: FeedStack, kind: bytes) -> None:
    async with dial(gateway, "/ws/v1/stream?encoding=msgpack") as socket:
        await socket.send(kind * (65_000 // len(kind)))
        assert (await closed_with(socket))[0] == 4500
