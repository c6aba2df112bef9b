"""Close codes, refused handshakes and refused channels, before a server that the test writes."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve

from breezeway.client.backoff import Backoff
from breezeway.client.credentials import ApiKey, Credentials
from breezeway.client.messages import Refused
from breezeway.client.stream import Stream
from breezeway.contracts.stream import FeedMessage, GapMessage, TickMessage
from breezeway.errors import BreezewayError, Forbidden, NotFound, Rejected, Unauthenticated
from breezeway.testing.eventually import eventually

QUICK = Backoff(0.01, 0.05)
SERVER_TIME = 1_000_000_000_000
Script = Callable[[ServerConnection, int], Awaitable[None]]


async def say(socket: ServerConnection, *messages: dict[str, Any]) -> None:
    await socket.send(json.dumps(messages))


async def command(socket: ServerConnection, action: str) -> dict[str, Any]:
    """The next command, which must be `action`; pings are answered from the year 2001."""
    body: dict[str, Any] = json.loads(await socket.recv())
    while body["action"] == "ping":
        await say(socket, {"type": "pong", "ts": SERVER_TIME})
        body = json.loads(await socket.recv())
    assert body["action"] == action, body
    return body


async def welcome(socket: ServerConnection) -> dict[str, Any]:
    """Authenticate the client and agree to its first subscription, which is returned."""
    await command(socket, "auth")
    await say(socket, {"type": "authenticated", "user_id": "u", "expires_at": 0})
    asked = await command(socket, "subscribe")
    names = [each if isinstance(each, str) else each["channel"] for each in asked["channels"]]
    await say(socket, {"type": "subscribed", "id": asked["id"], "channels": names})
    return asked


class Server:
    def __init__(self, url: str) -> None:
        self.url = url
        self.connections = 0
        self.faults: list[BaseException] = []


@asynccontextmanager
async def server(script: Script, refuse: Callable[[int], Response | None] = lambda _: None) -> AsyncIterator[Server]:
    """Runs `script` with each connection and its number; `refuse` may answer the handshake otherwise."""
    state = Server("")
    handshakes = 0

    async def on_request(_socket: ServerConnection, _request: Request) -> Response | None:
        nonlocal handshakes
        handshakes += 1
        return refuse(handshakes)

    async def handle(socket: ServerConnection) -> None:
        state.connections += 1
        try:
            await script(socket, state.connections)
        except AssertionError as fault:
            state.faults.append(fault)

    async with serve(handle, "127.0.0.1", 0, process_request=on_request) as running:
        state.url = f"http://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}"
        yield state
    assert state.faults == []


@asynccontextmanager
async def stream(url: str, *channels: str, who: Credentials | None = None) -> AsyncIterator[Stream]:
    credentials = who or ApiKey("bwk_x")
    async with Stream(url, lambda: credentials, channels, backoff=QUICK, ask_again=0.05) as made, asyncio.timeout(20):
        yield made


@pytest.mark.parametrize("code", [1001, 1011, 1012, 4400, 4408, 4410, 4411, 4499])
async def test_these_codes_mean_come_back(code: int) -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await welcome(socket)
        if number < 3:
            await socket.close(code, "try again")
        else:
            await say(socket, {"type": "feed", "state": "live", "reason": None, "ts": 1})
            await socket.wait_closed()

    async with server(script) as running, stream(running.url, "feed") as messages:
        assert await anext(messages) == FeedMessage("live", None, 1)
    assert running.connections == 3


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        (4500, Rejected, "stream_refused"),
        (4503, Forbidden, "stream_forbidden"),
        (4504, Forbidden, "too_many_connections"),
        (4599, Rejected, "stream_refused"),
    ],
)
async def test_these_codes_mean_stay_away(code: int, kind: type[BreezewayError], word: str) -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await welcome(socket)
        await socket.close(code, "no")

    async with server(script) as running, stream(running.url, "feed") as messages:
        with pytest.raises(kind) as error:
            await anext(messages)
        assert (error.value.code, error.value.context["close_code"]) == (word, code)
        assert messages.state == "closed"
        with pytest.raises(Rejected):
            await messages.subscribe("orders")
    assert running.connections == 1


async def test_a_busy_server_is_tried_again_when_it_says_and_another_one_is_not() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await welcome(socket)
        await say(socket, {"type": "feed", "state": "live", "reason": None, "ts": 1})
        await socket.wait_closed()

    def busy(handshake: int) -> Response | None:
        if handshake > 1:
            return None
        refusal = Response(HTTPStatus.SERVICE_UNAVAILABLE, "Busy", headers=_headers({"Retry-After": "1"}))
        refusal.body = b'{"code": "stream_full", "detail": "Full."}'
        return refusal

    async with server(script, busy) as running, stream(running.url, "feed") as messages:
        began = asyncio.get_running_loop().time()
        await anext(messages)
        assert asyncio.get_running_loop().time() - began >= 1

    def never(_handshake: int) -> Response:
        return Response(HTTPStatus.FORBIDDEN, "No", headers=_headers({}), body=b'{"code": "not_here", "detail": "No."}')

    async with server(script, never) as running, stream(running.url, "feed") as messages:
        with pytest.raises(Forbidden) as error:
            await anext(messages)
        assert error.value.code == "not_here"


def _headers(given: dict[str, str]) -> Any:
    from websockets.datastructures import Headers

    return Headers(given)


async def test_credentials_that_are_never_accepted_are_not_tried_for_ever() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await command(socket, "auth")
        await socket.close(4401, "api_key_invalid")

    async with server(script) as running, stream(running.url, "feed") as messages:
        with pytest.raises(Unauthenticated, match="api_key_invalid"):
            await anext(messages)
    assert 1 <= running.connections <= 3


async def test_no_credential_is_logged_even_when_everything_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(socket: ServerConnection, number: int) -> None:
        await welcome(socket)
        await say(socket, {"type": "feed", "state": "live", "reason": None, "ts": 1})
        await socket.wait_closed()

    async with server(script) as running, stream(running.url, "feed", who=ApiKey("bwk_private")) as messages:
        await anext(messages)
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert "stream live" in "\n".join(ours)
    assert "bwk_private" not in "\n".join(ours)


async def test_a_gateway_that_goes_down_is_not_asked_before_the_moment_that_it_named() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await welcome(socket)
        if number == 1:
            await say(socket, {"type": "closing", "code": 4410, "reason": "going_away", "retry_after_ms": 1_000})
            await socket.close(4410, "going_away")
            return
        await say(socket, {"type": "feed", "state": "live", "reason": None, "ts": number})
        await socket.wait_closed()

    async with server(script) as running, stream(running.url, "feed") as messages:
        began = asyncio.get_running_loop().time()
        assert await anext(messages) == FeedMessage("live", None, 2), "the hint is for the client, not for its user"
        assert asyncio.get_running_loop().time() - began >= 1


async def test_a_gap_stands_between_what_was_before_and_the_snapshot_after() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await welcome(socket)
        await say(socket, {"type": "tick", "symbol": "NSE:A", "seq": number * 10, "ltp": 1.0})
        if number == 1:
            assert json.loads(await socket.recv()) == {"action": "ping"}
            await say(socket, {"type": "pong", "ts": SERVER_TIME})
            await socket.close(4410, "restart")
        await socket.wait_closed()

    async with server(script) as running, stream(running.url, "tick:NSE:A", "depth:NSE:A", "feed") as messages:
        found = [await anext(messages) for _ in range(3)]
    first, gap, second = found
    assert isinstance(first, TickMessage)
    assert isinstance(gap, GapMessage)
    assert isinstance(second, TickMessage)
    assert (first.seq, gap.symbol, gap.reason, second.seq) == (10, "NSE:A", "connection_lost", 20)
    # In the server's time, whatever the clock of this machine says.
    assert SERVER_TIME - 1_000 <= gap.start <= gap.end < SERVER_TIME + 60_000


async def test_a_durable_channel_is_asked_for_from_where_it_was_cut_in_the_middle_of_a_replay() -> None:
    asked: list[Any] = []

    def order(offset: int) -> dict[str, Any]:
        return {"type": "order", "offset": offset, "epoch": "e"}

    async def script(socket: ServerConnection, number: int) -> None:
        asked.append((await welcome(socket))["channels"][0])
        await say(
            socket,
            {"type": "position", "channel": "orders", "offset": [0, 3, 3][number - 1], "epoch": "e", "recovered": True},
        )
        for offset in {1: (1,), 2: (2,), 3: (2, 3)}[number]:
            await say(socket, order(offset))
        if number < 3:
            await socket.close(4411, "failed")
        await socket.wait_closed()

    async with server(script) as running, stream(running.url, "orders") as messages:
        offsets = [(await anext(messages)).body["offset"] for _ in range(3)]  # type: ignore[union-attr]
    assert offsets == [1, 2, 3]
    assert asked == ["orders", *({"channel": "orders", "since": {"offset": n, "epoch": "e"}} for n in (1, 2))]


async def test_a_channel_that_is_refused_for_a_while_is_asked_for_again() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await command(socket, "auth")
        await say(socket, {"type": "authenticated"})
        for attempt in range(3):
            asked = await command(socket, "subscribe")
            if attempt < 2:
                error = {"type": "error", "id": asked["id"], "code": "instruments_unavailable", "detail": "Later."}
                await say(socket, {**error, "channel": "tick:NSE:A"})
            channels = ["tick:NSE:A"] if attempt == 2 else []
            await say(socket, {"type": "subscribed", "id": asked["id"], "channels": channels})
        await socket.wait_closed()

    async with server(script) as running, stream(running.url, "tick:NSE:A") as messages:
        await eventually(lambda: messages.channels == ["tick:NSE:A"], 60)


async def test_a_contract_that_is_gone_after_a_reconnect_is_said_and_dropped() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        if number == 1:
            await welcome(socket)
            await socket.close(4410, "restart")
            return
        await command(socket, "auth")
        await say(socket, {"type": "authenticated"})
        asked = await command(socket, "subscribe")
        error = {"type": "error", "id": asked["id"], "code": "instrument_not_found", "detail": "Gone."}
        await say(socket, {**error, "channel": "tick:NFO:A"})
        await say(socket, {"type": "subscribed", "id": asked["id"], "channels": ["feed"]})
        asked = await command(socket, "subscribe")
        await say(socket, {**error, "id": asked["id"], "channel": "tick:NFO:B"})
        await say(socket, {"type": "subscribed", "id": asked["id"], "channels": ["feed"]})
        await socket.wait_closed()

    async with server(script) as running, stream(running.url, "tick:NFO:A", "feed") as messages:
        assert await anext(messages) == Refused("tick:NFO:A", "instrument_not_found", "Gone.")
        with pytest.raises(NotFound):
            await messages.subscribe("tick:NFO:B")


async def test_closing_ends_the_iteration_and_whoever_waits() -> None:
    async def script(socket: ServerConnection, number: int) -> None:
        await command(socket, "auth")
        await say(socket, {"type": "authenticated"})
        await socket.wait_closed()

    async with server(script) as running, stream(running.url, "feed") as messages:
        asking = asyncio.create_task(messages.subscribe("orders"))
        reading = asyncio.create_task(_all(messages))
        await eventually(lambda: messages.state == "live")
        await messages.close()
        await messages.close()
        assert await reading == []
        with pytest.raises(Rejected):
            await asking


async def _all(messages: Stream) -> list[Any]:
    return [message async for message in messages]
