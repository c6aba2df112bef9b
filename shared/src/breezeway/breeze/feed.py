"""The broker's sockets as one stream of decoded events.

Three Socket.IO connections behind one object: quotes and depth, OHLC bars, and the user's orders; each is opened when
it is first needed. There is no reconnect here: when one of them is lost, `events` raises, and whoever supervises the
feed builds a new one. Only the loss of the bars' socket is survived, because bars can be had from ticks: `bars_lost`
counts it, and joining again opens a new one. Frames are decoded as they arrive, on the event loop, and wait in a
bounded buffer.
"""

import asyncio
import reprlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

import aiohttp
import orjson
import socketio
from socketio.exceptions import SocketIOError

from breezeway.breeze._tap import TappedSession
from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.frames import OHLC_CHANNELS, BreezeEvent, FrameRules, MalformedFrame, OrderUpdate, decode
from breezeway.clock import Clock, SystemClock, epoch_ms
from breezeway.errors import BreezewayError, InvalidInput, Unauthenticated, UpstreamUnavailable

_USER_AGENT: Final = "python-socketio[client]/socket"
_CHANNEL_OF: Final = {interval: channel for channel, interval in OHLC_CHANNELS.items()}


@dataclass(frozen=True, slots=True)
class FeedRules:
    """Bounds of one feed. `rooms_per_join` cuts long lists of rooms into several messages; times in seconds."""

    buffer: int = 20_000
    connect_timeout: float = 10
    close_timeout: float = 1
    rooms_per_join: int = 200
    kept_faults: int = 10


class FeedEvent(NamedTuple):
    """A decoded frame and our own clock's time of its arrival, epoch milliseconds."""

    event: BreezeEvent
    received_ms: int


class FeedFault(NamedTuple):
    """A frame that could not be decoded; `sample` is its beginning, withheld for orders, which are private."""

    channel: str
    reason: str
    sample: str
    received_ms: int


@dataclass(frozen=True, slots=True)
class FeedStats:
    """Counters since the feed was built. `dropped` ticks gave way to newer ones because nobody read fast enough."""

    received: int
    malformed: int
    dropped: int
    waiting: int
    rooms: int
    faults: tuple[FeedFault, ...]


class BreezeFeed:
    """One broker session's sockets. `user_id` and `session_key` come from the login; never share one session's feed."""

    def __init__(
        self,
        endpoints: BreezeEndpoints,
        user_id: str,
        session_key: str,
        *,
        rules: FeedRules | None = None,
        frame_rules: FrameRules | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._auth = {"user": user_id, "token": session_key}
        self._rules = rules or FeedRules()
        self._frame_rules = frame_rules or FrameRules()
        self._clock = clock or SystemClock()
        self._sockets: dict[str, socketio.AsyncClient] = {}
        self._http: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._orders: deque[FeedEvent] = deque()
        self._ticks: deque[FeedEvent] = deque()
        self._arrived = asyncio.Event()
        self._lost: BreezewayError | None = None
        self._closed = False
        self._rooms: set[str] = set()
        self._received = self._malformed = self._dropped = 0
        self.bars_lost = 0
        self._faults: deque[FeedFault] = deque(maxlen=self._rules.kept_faults)

    async def connect(self, *, orders: bool = False) -> None:
        """Open the quote socket, and the order socket if asked (it needs no join).

        Raises Unauthenticated (`broker_feed_refused`) when the broker refuses the session, UpstreamUnavailable
        (`broker_feed_down`) when the socket cannot be opened. Nothing stays open after a failure.
        """
        try:
            await self._socket("quotes")
            if orders:
                await self._socket("orders")
        except BaseException:
            await self._disconnect()
            raise

    async def join(self, rooms: Collection[str]) -> None:
        """Ask for quote (`4.1!2885`) and depth (`4.2!2885`) rooms. Nothing is confirmed; asking again is harmless."""
        await self._emit_rooms("join", rooms)
        self._rooms.update(rooms)

    async def leave(self, rooms: Collection[str]) -> None:
        await self._emit_rooms("leave", rooms)
        self._rooms.difference_update(rooms)

    async def join_ohlc(self, rooms: Collection[str], interval: str) -> None:
        """Ask for bars (`1s 1m 5m 30m`) of quote rooms; BFO's bars live in `2.1!…`.

        Rooms are not per interval: once two intervals have been asked for, every joined room delivers both. Users have
        seen bars go missing beyond some 40 rooms.
        """
        channel = _CHANNEL_OF.get(interval)
        if channel is None:
            raise InvalidInput(f"The broker has no live bars of {interval}.", code="broker_refused_input")
        socket = await self._socket("ohlc")
        socket.on(channel, self._receiver(channel))
        for room in rooms:
            # The broker's OHLC server takes one room a message; a list joins nothing.
            await self._emit(socket, "join", room)

    async def leave_ohlc(self, rooms: Collection[str]) -> None:
        socket = self._sockets.get("ohlc")
        if socket is None:
            return
        for room in rooms:
            await self._emit(socket, "leave", room)

    async def events(self) -> AsyncIterator[FeedEvent]:
        """Events one by one, as `batches` gives them."""
        async for batch in self.batches():
            for event in batch:
                yield event

    async def batches(self, most: int = 500) -> AsyncIterator[list[FeedEvent]]:
        """Whatever has arrived, at most `most` at a time, never empty; orders come before ticks and are never dropped.

        Ends after `close`. Raises UpstreamUnavailable (`broker_feed_disconnected`) when a socket is lost, after what
        had arrived before has been delivered. One reader only.
        """
        while True:
            batch: list[FeedEvent] = []
            while len(batch) < most and (self._orders or self._ticks):
                batch.append(self._orders.popleft() if self._orders else self._ticks.popleft())
            if batch:
                yield batch
            elif self._closed:
                return
            elif self._lost is not None:
                raise self._lost
            else:
                self._arrived.clear()
                await self._arrived.wait()

    def stats(self) -> FeedStats:
        return FeedStats(
            received=self._received,
            malformed=self._malformed,
            dropped=self._dropped,
            waiting=len(self._orders) + len(self._ticks),
            rooms=len(self._rooms),
            faults=tuple(self._faults),
        )

    async def close(self) -> None:
        """Close every socket; readers get what has arrived, then the end. Harmless twice."""
        self._closed = True
        self._arrived.set()
        await self._disconnect()

    async def _disconnect(self) -> None:
        sockets, self._sockets = list(self._sockets.values()), {}
        http, self._http = self._http, None
        try:
            for socket in sockets:
                try:
                    async with asyncio.timeout(self._rules.close_timeout):
                        await socket.disconnect()
                except (TimeoutError, SocketIOError, OSError):
                    # A dead peer does not answer; closing the session below cuts its connection.
                    continue
        finally:
            # Also when our caller's patience ends first: a socket that stays open would be a second one at the broker.
            if http is not None:
                await http.close()

    async def _socket(self, name: str) -> socketio.AsyncClient:
        async with self._opening:
            known = self._sockets.get(name)
            if known is not None:
                return known
            if self._closed or self._lost is not None:
                raise self._lost or _disconnected(name)
            url, path = {
                "quotes": (self._endpoints.live_stream_url, "socket.io"),
                "orders": (self._endpoints.live_feed_url, "socket.io"),
                "ohlc": (self._endpoints.ohlc_url, self._endpoints.ohlc_path),
            }[name]
            # The session is ours, because engineio leaves its own open when a connection fails.
            if self._http is None:
                self._http = aiohttp.ClientSession()
            session = TappedSession(self._http, self._on_stock)
            socket = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=session)
            socket.on("disconnect", lambda *_: self._on_disconnect(name))
            # `stock` comes through the tap; research advice arrives under that name on the order socket too.
            if name != "ohlc":
                socket.on("order", self._receiver("order"))
            self._sockets[name] = socket
            try:
                # wait_timeout bounds only the namespace's answer, not the way to the server.
                async with asyncio.timeout(self._rules.connect_timeout + 1):
                    await socket.connect(
                        url,
                        headers={"User-Agent": _USER_AGENT},
                        auth=self._auth,
                        transports=["websocket"],
                        socketio_path=path,
                        wait_timeout=self._rules.connect_timeout,
                    )
            except (SocketIOError, OSError, TimeoutError) as error:
                self._sockets.pop(name, None)
                raise _refused_or_down(name, error) from error
            return socket

    async def _emit_rooms(self, event: str, rooms: Collection[str]) -> None:
        socket = await self._socket("quotes")
        ordered, step = list(rooms), self._rules.rooms_per_join
        for start in range(0, len(ordered), step):
            await self._emit(socket, event, ordered[start : start + step])

    async def _emit(self, socket: socketio.AsyncClient, event: str, data: object) -> None:
        if self._lost is not None:
            raise self._lost
        try:
            await socket.emit(event, data)
        except (SocketIOError, OSError) as error:
            raise _disconnected("quotes") from error

    def _receiver(self, channel: str) -> Callable[..., None]:
        def receive(*payload: object) -> None:
            self._receive(channel, payload)

        return receive

    def _on_stock(self, text: str) -> None:
        try:
            _, *payload = orjson.loads(text)
        except ValueError:
            payload = []
        self._receive("stock", tuple(payload))

    def _receive(self, channel: str, payload: tuple[object, ...]) -> None:
        self._received += 1
        received_ms = epoch_ms(self._clock.now())
        try:
            event = decode(channel, payload[0] if len(payload) == 1 else None, self._frame_rules)
        except MalformedFrame as error:
            self._malformed += 1
            sample = "" if channel == "order" else reprlib.repr(payload)[:200]
            self._faults.append(FeedFault(channel, error.reason, sample, received_ms))
            return
        if isinstance(event, OrderUpdate):
            self._orders.append(FeedEvent(event, received_ms))
        else:
            if len(self._ticks) >= self._rules.buffer:
                self._ticks.popleft()
                self._dropped += 1
            self._ticks.append(FeedEvent(event, received_ms))
        self._arrived.set()

    def _on_disconnect(self, name: str) -> None:
        if self._closed or name not in self._sockets:
            return
        if name == "ohlc":
            del self._sockets[name]
            self.bars_lost += 1
            return
        self._lost = self._lost or _disconnected(name)
        self._arrived.set()


def _refused_or_down(name: str, error: Exception) -> BreezewayError:
    if "namespaces failed" in str(error):
        return Unauthenticated(
            "The broker refuses this session on its socket; log in at the broker again.",
            code="broker_feed_refused",
            context={"socket": name},
        )
    return UpstreamUnavailable(
        "The broker's socket cannot be opened.", code="broker_feed_down", retry_after=5, context={"socket": name}
    )


def _disconnected(name: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        "The broker's socket was lost.", code="broker_feed_disconnected", retry_after=1, context={"socket": name}
    )
