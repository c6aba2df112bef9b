"""A Redis connection that only listens: RESP read in bulk by hiredis, without a coroutine or a timer a message.

redis-py's `PubSub` spends 30 to 50 microseconds on each message, most of a core at 20,000 a second.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError

_DEFAULT_PORT: Final = 6379

OnMessage = Callable[[bytes, bytes], None]
"""(channel, payload)"""


class ListeningWire(asyncio.Protocol):
    """One connection in subscriber mode. `closed` ends with the reason when the connection has ended.

    Args:
        on_message: called for each message; it must not raise.
    """

    def __init__(self, on_message: OnMessage) -> None:
        self._on_message = on_message
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._settling: deque[asyncio.Future[None]] = deque()
        self.closed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, url: str, on_message: OnMessage, *, timeout: float = 5.0) -> "ListeningWire":
        """Open and, when the URL names a password, authenticate.

        Raises:
            OSError, TimeoutError: the server cannot be reached.
        """
        parts = urlsplit(url)
        secure = ssl.create_default_context() if parts.scheme == "rediss" else None
        async with asyncio.timeout(timeout):
            _, wire = await asyncio.get_running_loop().create_connection(
                lambda: cls(on_message), parts.hostname or "localhost", parts.port or _DEFAULT_PORT, ssl=secure
            )
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            # A refusal arrives as an error reply, which ends the connection.
            wire.send("AUTH", [*user, unquote(parts.password)])
        return wire

    def send(self, command: str, arguments: Sequence[str]) -> None:
        """Write a command; without effect once the connection has ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(hiredis.pack_command((command, *arguments)))  # type: ignore[arg-type]  # its stub knows one-tuples only

    async def settle(self) -> None:
        """Return once Redis has carried out everything sent so far.

        Raises:
            RedisError, OSError: the connection has ended.
        """
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settling.append(settled)
        self.send("PING", ())
        await asyncio.wait((settled, self.closed), return_when=asyncio.FIRST_COMPLETED)
        if not settled.done():
            raise self.closed.result()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's, so this cannot be asserted.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or RedisConnectionError("Redis closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                self._on_reply(reply)
        except hiredis.ProtocolError as error:
            self._end(RedisConnectionError(repr(error)))
            self.close()

    def _on_reply(self, reply: Any) -> None:
        if isinstance(reply, list):
            if reply[0] == b"message":
                self._on_message(reply[1], reply[2])
            elif reply[0] == b"pong" and self._settling and not (settled := self._settling.popleft()).done():
                settled.set_result(None)
        elif isinstance(reply, hiredis.ReplyError):
            self._end(RedisConnectionError(str(reply)))
            self.close()

    def _end(self, reason: Exception) -> None:
        if not self.closed.done():
            self.closed.set_result(reason)
