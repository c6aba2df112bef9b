"""One WebSocket connection to the stream: open, authenticate, frames in and out. No reconnect here."""

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import httpx
import orjson

from breezeway.client.credentials import Identity
from breezeway.client.messages import Raw
from breezeway.client.problems import error_of
from breezeway.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

Encoding: TypeAlias = Literal["json", "msgpack"]

_PATH: Final = "/ws/v1/stream"
_MAX_FRAME: Final = 16 * 1024 * 1024
_CLOSE_SECONDS: Final = 1.0


class ClosedByServer(Exception):
    """The connection has ended. `code` is the close code, 1006 when it just broke; `reason` is the server's word."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class Unreachable(Exception):
    """No connection came about, but another try may succeed, after `retry_after` seconds where the server says so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Socket:
    """An open connection. Every method raises `ClosedByServer` when it has ended."""

    def __init__(self, connection: "ClientConnection", encoding: Encoding) -> None:
        self._connection = connection
        self._encoding = encoding

    @classmethod
    async def open(cls, url: str, encoding: Encoding, timeout: float, heartbeat: float) -> "Socket":
        """Connect to the gateway at `url` (http or https).

        Raises:
            Unreachable: it may work later.
            BreezewayError: it never will: what the server said instead of opening.
        """
        # Here: importing the client must not cost what only streams need.
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        if encoding == "msgpack":
            _unpacker()
        address = "ws" + url.removeprefix("http") + _PATH + ("?encoding=msgpack" if encoding == "msgpack" else "")
        try:
            connection = await connect(
                address,
                open_timeout=timeout,
                ping_interval=heartbeat,
                ping_timeout=heartbeat,
                close_timeout=_CLOSE_SECONDS,
                max_size=_MAX_FRAME,
                compression=None,
                logger=_logger(),
            )
        except InvalidStatus as refused:
            answer = refused.response
            error = error_of(
                httpx.Response(
                    answer.status_code,
                    headers=list(answer.headers.raw_items()),
                    content=bytes(answer.body or b""),
                    request=httpx.Request("GET", url + _PATH),
                )
            )
            if isinstance(error, Retryable):
                raise Unreachable(error.detail, error.retry_after) from refused
            raise error from refused
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise Unreachable(f"nothing answers at {url}: {error}") from error
        return cls(connection, encoding)

    async def authenticate(self, identity: Identity) -> None:
        """Say who we are; the answer comes among the messages."""
        await self.send({"action": "auth", **identity.frame})

    async def send(self, command: Raw) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            # Text is accepted in either encoding.
            await self._connection.send(orjson.dumps(command).decode())
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def read(self) -> Iterator[Raw]:
        """The messages of the next frame."""
        from websockets.exceptions import ConnectionClosed

        try:
            frame = await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise _closed(closed) from closed
        try:
            messages = orjson.loads(frame) if self._encoding == "json" else _unpacker()(frame)
        except ValueError as error:
            raise ClosedByServer(1007, "the server sent what is no message") from error
        return (message for message in messages if isinstance(message, dict) and "type" in message)

    async def close(self) -> None:
        """Leave politely, for a second at most."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS * 2):
                await self._connection.close()
        except TimeoutError:
            self._connection.transport.abort()


def _logger() -> logging.Logger:
    """The library's log, never at DEBUG: there it writes whole frames, and the first of them is a credential."""
    logger = logging.getLogger("breezeway.client.wire")
    logger.setLevel(logging.INFO)
    return logger


def _closed(error: Any) -> ClosedByServer:
    received = error.rcvd
    return (
        ClosedByServer(1006, "connection lost") if received is None else ClosedByServer(received.code, received.reason)
    )


def _unpacker() -> Any:
    try:
        import msgpack
    except ImportError as error:
        raise Misconfigured("msgpack is not installed: pip install msgpack", code="msgpack_missing") from error
    return msgpack.unpackb
