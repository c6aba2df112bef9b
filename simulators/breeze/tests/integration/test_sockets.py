"""The Socket.IO endpoints, with the client library that the SDK uses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
import socketio

from breezeway.testing.eventually import eventually

QUOTE, DEPTH = "4.1!2885", "4.2!2885"


class Client:
    """A connected client and what it heard."""

    def __init__(self, url: str, path: str) -> None:
        self.sio = socketio.AsyncClient(reconnection=False)
        self.heard: list[tuple[str, Any]] = []
        self._url, self._path = url, path
        for event in ("stock", "order", "1SEC", "1MIN", "5MIN", "30MIN"):
            self.sio.on(event, self._hear(event))

    def _hear(self, event: str) -> Callable[[Any], None]:
        return lambda data: self.heard.append((event, data))

    async def connect(self, user: Any, token: Any) -> None:
        auth = {"user": user, "token": token}
        await self.sio.connect(self._url, auth=auth, transports=["websocket"], socketio_path=self._path, wait_timeout=3)


@pytest_asyncio.fixture
async def connect(simulator: Any) -> AsyncIterator[Callable[..., Any]]:
    made: list[Client] = []

    async def open_one(caller: Any, path: str = "socket.io") -> Client:
        client = Client(simulator.url, path)
        made.append(client)
        await client.connect("SIM00001", caller.session_key)
        return client

    yield open_one
    for client in made:
        await client.sio.disconnect()


async def joined(simulator: Any, room: str, members: int = 1) -> None:
    streams = simulator.app.state.simulator.broker.streams

    def there() -> bool:
        found = streams.feed.get(room) or streams.ohlc.get(room)
        return (len(found.members) if found else 0) == members

    await eventually(there)


async def test_quotes_and_depth_by_string_and_list(simulator: Any, caller: Any, connect: Any) -> None:
    client = await connect(caller)
    await client.sio.emit("join", QUOTE)
    await client.sio.emit("join", [DEPTH, "4.1!False"])
    await joined(simulator, DEPTH)
    await eventually(lambda: len(client.heard) == 2)
    await simulator.market.push(QUOTE, last=901.5)
    await eventually(lambda: len(client.heard) == 4)
    assert client.heard[2][0] == "stock"
    assert client.heard[2][1][:3] == [QUOTE, 885, 901.5]
    assert client.heard[3][1][0] == DEPTH
    await client.sio.emit("leave", [QUOTE, DEPTH])
    await joined(simulator, QUOTE, 0)
    assert simulator.market.watched[QUOTE] == 0


async def test_a_cut_in_the_middle_of_a_long_join_leaves_no_room_behind(
    simulator: Any, caller: Any, connect: Any
) -> None:
    client = await connect(caller)
    await client.sio.emit("join", [f"4.1!{n}" for n in range(50_000)])
    streams = simulator.app.state.simulator.broker.streams
    await eventually(lambda: len(streams.feed) > 0)
    await simulator.client.post("/_sim/faults", json={"kind": "disconnect"})
    await eventually(lambda: not client.sio.connected)
    await eventually(lambda: len(streams.feed) == 0)


async def test_bars_on_their_own_endpoint(simulator: Any, caller: Any, connect: Any) -> None:
    client = await connect(caller, "ohlcvstream")
    await client.sio.emit("join", QUOTE)
    await joined(simulator, QUOTE)
    await simulator.market.push_bar(QUOTE, "1second", datetime(2026, 8, 3, 5, 0, tzinfo=UTC))
    await eventually(lambda: bool(client.heard))
    assert client.heard == [("1SEC", "NSE,RELIND,99.0,101.0,100.5,100.0,2500,2026-08-03 10:30:00,1SEC")]


async def test_order_events_need_no_join(simulator: Any, caller: Any, connect: Any) -> None:
    client = await connect(caller)
    answer = await simulator.client.post("/_sim/order-event", json={"user_id": "SIM00001"})
    assert answer.json()["clients"] == 1
    await eventually(lambda: bool(client.heard))
    event, frame = client.heard[0]
    assert event == "order"
    assert (len(frame), frame[2]) == (52, "SIM00001")


@pytest.mark.parametrize("auth", [("SIM00001", "wrong"), ("nobody", None), (None, None), (1, ["x"])])
async def test_strangers_are_refused(simulator: Any, auth: tuple[Any, Any]) -> None:
    client = Client(simulator.url, "socket.io")
    with pytest.raises(socketio.exceptions.ConnectionError, match="namespaces failed to connect"):
        await client.connect(*auth)


async def test_the_sdks_way_of_leaving_ends_the_connection(simulator: Any, caller: Any, connect: Any) -> None:
    client = await connect(caller)
    await client.sio.emit("join", QUOTE)
    await joined(simulator, QUOTE)
    await client.sio.emit("disconnect", "transport close")
    await eventually(lambda: not client.sio.connected)
    await joined(simulator, QUOTE, 0)
    assert simulator.app.state.endpoints["socket.io"].connections == ()


async def test_the_disconnect_fault_cuts_and_refuse_keeps_out(simulator: Any, caller: Any, connect: Any) -> None:
    client = await connect(caller)
    answer = await simulator.client.post("/_sim/faults", json={"kind": "disconnect", "user_id": "SIM00001"})
    assert answer.json()["affected"] == 1
    await eventually(lambda: not client.sio.connected)
    await simulator.client.post("/_sim/faults", json={"kind": "refuse_socket", "count": 1})
    with pytest.raises(socketio.exceptions.ConnectionError):
        await connect(caller)
    again = await connect(caller)
    assert again.sio.connected


async def test_an_ended_session_is_logged_out(simulator: Any, caller: Any, connect: Any) -> None:
    client = await connect(caller)
    await simulator.client.post("/_sim/faults", json={"kind": "expire_session"})
    await eventually(lambda: not client.sio.connected)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await connect(caller)


async def test_the_journal_follows_a_socket(simulator: Any, caller: Any, connect: Any) -> None:
    client = await connect(caller)
    await client.sio.emit("join", [QUOTE, DEPTH])
    await joined(simulator, DEPTH)
    await client.sio.disconnect()
    await joined(simulator, DEPTH, 0)
    items = (await simulator.client.get("/_sim/journal")).json()["items"]
    events = [(item["event"], item.get("count")) for item in items if item["kind"] == "socket"]
    assert events == [("connect", None), ("join", 2), ("disconnect", None)]


async def test_a_client_that_does_not_read_is_cut_off(simulator: Any, caller: Any, connect: Any) -> None:
    client = await connect(caller)
    await client.sio.emit("join", QUOTE)
    await joined(simulator, QUOTE)
    (connection,) = simulator.app.state.endpoints["socket.io"].connections
    for _ in range(20_100):  # without a pause, so that the writer gets no turn
        connection.send('42["stock",["x"]]')
    await eventually(lambda: not client.sio.connected)
    await asyncio.sleep(0)
    items = (await simulator.client.get("/_sim/journal", params={"limit": 10_000})).json()["items"]
    assert [item["reason"] for item in items if item.get("event") == "cut"] == ["too slow"]
