"""The Socket.IO endpoints: quotes, depth and order events on `/socket.io`, OHLC bars on `/ohlcvstream`."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import socketio
import structlog

from breeze_simulator.application.faults import FaultKind
from breeze_simulator.application.sessions import Session
from breeze_simulator.application.simulator import Simulator
from breeze_simulator.application.streams import Streams

_log = structlog.get_logger()

QUEUE_LIMIT = 20_000
"""Frames that may wait for one client; about a minute of the busiest feed. Who is further behind is cut off."""

MAX_ROOMS_NOTED = 50
JOINS_AT_ONCE = 10


class _Ready:
    """A frame that is already Engine.IO text. The transport's writer asks packets for nothing but `encode`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def encode(self) -> str:
        return self._text


class Connection:
    """One client on one endpoint."""

    def __init__(self, sid: str, session: Session, transport: Any, overrun: Callable[["Connection"], None]) -> None:
        self.sid = sid
        self.session = session
        self.transport = transport
        self._overrun = overrun
        self._cut = False

    @property
    def user_id(self) -> str:
        return self.session.user_id

    def send(self, text: str) -> None:
        # The transport's own queue is used directly: `AsyncServer.emit` would encode per call and make a task per
        # client and frame, which is most of the cost of a busy feed.
        queue = self.transport.queue
        if queue.qsize() < QUEUE_LIMIT:
            queue.put_nowait(_Ready(text))
        elif not self._cut:
            self._cut = True
            self._overrun(self)


class Endpoint:
    """One Socket.IO server: authenticates, keeps who is connected, and turns `join` and `leave` into membership."""

    def __init__(self, name: str, simulator: Simulator) -> None:
        self.name = name
        self._simulator = simulator
        self._connections: dict[str, Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            transports=["websocket"],
            cors_allowed_origins=[],
            # Joins and leaves take effect in the order in which they were sent.
            async_handlers=False,
        )
        self.server.on("connect", self._on_connect)
        self.server.on("disconnect", self._on_disconnect)
        self.server.on("join", self._on_join)
        self.server.on("leave", self._on_leave)

    @property
    def connections(self) -> tuple[Connection, ...]:
        return tuple(self._connections.values())

    def asgi(self) -> Any:
        """The ASGI application to mount at `/<name>`."""
        return socketio.ASGIApp(self.server, socketio_path=self.name)

    async def disconnect(self, user_id: str | None, reason: str) -> int:
        """Cut the transports of a user's clients, or of all; they see a lost connection and may come back."""
        chosen = [c for c in self.connections if user_id in (None, c.user_id)]
        for connection in chosen:
            await self._cut(connection, reason)
        return len(chosen)

    async def drop_ended_sessions(self) -> None:
        """Cut the clients whose session is over: the forced daily logout."""
        for connection in self.connections:
            if not self._simulator.sessions.is_alive(connection.session):
                await self._cut(connection, "session ended")

    async def close(self) -> None:
        await self.disconnect(None, "shutdown")
        for task in tuple(self._tasks):
            task.cancel()
        await self.server.shutdown()

    async def _on_connect(self, sid: str, _environ: Mapping[str, Any], auth: object = None) -> None:
        given = auth if isinstance(auth, dict) else {}
        user_id = given.get("user")
        session = self._simulator.sessions.find(user_id, given.get("token"))
        refused = "unknown session" if session is None else None
        if self._simulator.broker is None:
            refused = "starting"
        if self._simulator.faults.take(FaultKind.REFUSE_SOCKET, path=f"/{self.name}", user_id=_text(user_id)):
            refused = "fault"
        self._note("connect" if refused is None else "refused", sid, _text(user_id), reason=refused)
        if refused is not None or session is None:
            raise socketio.exceptions.ConnectionRefusedError("Authentication error")
        eio_sid = self.server.manager.eio_sid_from_sid(sid, "/")
        connection = Connection(sid, session, self.server.eio.sockets[eio_sid], self._overran)
        self._connections[sid] = connection
        if self.name == FEED:
            self._streams().arrive(connection)

    async def _on_disconnect(self, sid: str, reason: str = "") -> None:
        # The SDK ends a connection by *emitting* an event called "disconnect". The server library hands that to this
        # handler while the client is still connected, so the connection has to be ended here.
        if self.server.manager.is_connected(sid, "/"):
            await self.server.disconnect(sid)
            return
        connection = self._connections.pop(sid, None)
        if connection is not None:
            self._streams().depart(connection)
            self._note("disconnect", sid, connection.user_id, reason=str(reason))

    async def _on_join(self, sid: str, rooms: object = None) -> None:
        connection = self._connections.get(sid)
        if connection is None:
            return
        names = _names(rooms)
        self._note("join", sid, connection.user_id, rooms=names[:MAX_ROOMS_NOTED], count=len(names))
        streams = self._streams()
        for number, name in enumerate(names, start=1):
            if self.name == FEED:
                streams.join_feed(connection, name)
            else:
                streams.ohlc.join(connection, name)
            if number % JOINS_AT_ONCE == 0:
                # A name's first price of the day takes milliseconds: thousands of rooms must not stop everybody else.
                await asyncio.sleep(0)
                if sid not in self._connections:
                    return

    async def _on_leave(self, sid: str, rooms: object = None) -> None:
        connection = self._connections.get(sid)
        if connection is None:
            return
        names = _names(rooms)
        self._note("leave", sid, connection.user_id, rooms=names[:MAX_ROOMS_NOTED], count=len(names))
        membership = self._streams().feed if self.name == FEED else self._streams().ohlc
        for name in names:
            membership.leave(connection, name)

    def _overran(self, connection: Connection) -> None:
        task = asyncio.create_task(self._cut(connection, "too slow"), name=f"cut {connection.sid}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cut(self, connection: Connection, reason: str) -> None:
        self._note("cut", connection.sid, connection.user_id, reason=reason)
        _log.info("socket_cut", endpoint=self.name, user_id=connection.user_id, reason=reason)
        await self.server.eio.disconnect(connection.transport.sid)

    def _streams(self) -> Streams:
        broker = self._simulator.broker
        assert broker is not None  # noqa: S101 - nobody is admitted before the broker exists; narrows the type
        return broker.streams

    def _note(self, event: str, sid: str, user_id: str | None, **details: object) -> None:
        kept = {key: value for key, value in details.items() if value is not None}
        self._simulator.journal.record("socket", endpoint=self.name, event=event, sid=sid, user_id=user_id, **kept)


FEED = "socket.io"
OHLC = "ohlcvstream"


def _names(rooms: object) -> list[str]:
    """The room names of a `join`: one string or a list of them; anything else is ignored, as the broker does."""
    if isinstance(rooms, str):
        return [rooms]
    return [name for name in rooms if isinstance(name, str)] if isinstance(rooms, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
