"""How a connection's messages look on the wire, and its commands: our JSON, our MessagePack, or another protocol."""

import random
from collections.abc import MutableMapping, Sequence
from typing import Any, Protocol

import msgpack
import orjson

from breezeway.contracts.stream import ClosingMessage, encode
from breezeway.security.tokens import Principal
from gateway_service.application.connection import Connection, Disconnect
from gateway_service.application.parcels import lasting_parcel
from gateway_service.domain.close_codes import CloseCode
from gateway_service.domain.commands import MAX_FRAME_BYTES

WireMessage = MutableMapping[str, Any]
"""An ASGI `websocket.send`."""


class Dialect(Protocol):
    """Stands between the socket and one `Connection`; what it says itself goes through the connection's outbox."""

    def welcome(self) -> None:
        """Greet, when the protocol wants that."""
        ...

    async def handle(self, frame: str | bytes) -> Principal | None:
        """Carry out one client frame, like `Connection.handle`."""
        ...

    def encode(self, frame: bytes) -> Sequence[WireMessage]:
        """What to send for a JSON array of our messages."""
        ...

    def farewell(self, code: CloseCode, reason: str) -> None:
        """Say why the connection is about to be closed, when the protocol has more than a close code for that."""
        ...


class NativeDialect:
    """Our own protocol as JSON: nothing is changed on the way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def welcome(self) -> None:
        return None

    async def handle(self, frame: str | bytes) -> Principal | None:
        return await self._connection.handle(frame)

    def encode(self, frame: bytes) -> Sequence[WireMessage]:
        return () if frame == b"[]" else (text(frame),)

    def farewell(self, code: CloseCode, reason: str) -> None:
        if code is not CloseCode.GOING_AWAY:
            return
        # A pause of everybody's own, or a whole fleet would knock at the next process in the same moment.
        pause = random.randint(500, 5_000)  # noqa: S311 - guards nothing
        self._connection.outbox.post(lasting_parcel(encode(ClosingMessage(int(code), reason, pause))))


class PackedDialect(NativeDialect):
    """Our own protocol as MessagePack in binary frames; commands may come as either."""

    async def handle(self, frame: str | bytes) -> Principal | None:
        return await super().handle(frame if isinstance(frame, str) else orjson.dumps(unpack(frame)))

    def encode(self, frame: bytes) -> Sequence[WireMessage]:
        return () if frame == b"[]" else (packed(orjson.loads(frame)),)


def text(frame: bytes) -> WireMessage:
    return {"type": "websocket.send", "text": frame.decode()}


def packed(body: object) -> WireMessage:
    return {"type": "websocket.send", "bytes": msgpack.packb(body)}


def unpack(frame: bytes) -> object:
    """A client's MessagePack, which is hostile until proven otherwise.

    Raises:
        Disconnect: it is too large, or not MessagePack of what JSON can hold.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise Disconnect(CloseCode.BAD_REQUEST, f"A frame may have {MAX_FRAME_BYTES:,} bytes.")
    try:
        body: object = msgpack.unpackb(frame, strict_map_key=True)
        # What has no JSON (binary data, extension types) cannot be a command either.
        orjson.dumps(body)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Disconnect(CloseCode.BAD_REQUEST, "A frame must be one MessagePack map.") from error
    return body
