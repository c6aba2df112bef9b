"""Takes quote frames off a Socket.IO connection before the library looks at them.

For every packet, engineio makes a task to wait with a deadline and another one to handle it: most of the 24
microseconds that it spends on a frame. A busy feed is nothing but `stock` events, so these are taken where the library
asks its HTTP session for the next WebSocket message; all others - handshake, pings, orders, bars - go on to it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp

_STOCK: Final = '42["stock",'
_FAIR: Final = 200
"""Frames after which everybody else gets a turn: a full buffer is read without ever waiting."""

OnFrame = Callable[[str], None]
"""Called with the event's JSON text, `["stock",…]`."""


class TappedSession:
    """Stands in for an `aiohttp.ClientSession` as far as engineio uses one."""

    def __init__(self, session: aiohttp.ClientSession, on_frame: OnFrame) -> None:
        self._session = session
        self._on_frame = on_frame

    @property
    def closed(self) -> bool:
        return self._session.closed

    async def ws_connect(self, *args: Any, **options: Any) -> "_TappedSocket":
        return _TappedSocket(await self._session.ws_connect(*args, **options), self._on_frame)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


class _TappedSocket:
    """A `ClientWebSocketResponse` whose `receive` keeps the quotes to itself."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, on_frame: OnFrame) -> None:
        self._socket = socket
        self._on_frame = on_frame

    async def receive(self) -> aiohttp.WSMessage:
        taken = 0
        while True:
            message = await self._socket.receive()
            data = message.data
            if not (isinstance(data, str) and data.startswith(_STOCK)):
                return message
            self._on_frame(data[2:])
            taken += 1
            if taken % _FAIR == 0:
                await asyncio.sleep(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)
