"""Writing prepared WebSocket frames straight to a server's transport.

ASGI takes a message at a time and builds a frame of it for each client: about 30 microseconds, most of which a hundred
clients with the same subscriptions need only once. So the hub has the frame made once, and as long as a client keeps
up, it is written to the transport past ASGI. Servers other than uvicorn's `websockets-sansio`, and connections with
compression, get no express lane and are served by ASGI alone.
"""

from collections.abc import Callable
from typing import Final

from fastapi import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_WRITE_BUFFER: Final = 262_144


def text_frame(body: bytes) -> bytes:
    """One unmasked, final text frame (RFC 6455, section 5.2)."""
    size = len(body)
    if size < 126:
        head = bytes((0x81, size))
    elif size < 65_536:
        head = b"\x81\x7e" + size.to_bytes(2, "big")
    else:
        head = b"\x81\x7f" + size.to_bytes(8, "big")
    return head + body


def express_of(websocket: WebSocket) -> Callable[[bytes], bool] | None:
    """The express lane of an accepted connection; None where the server has none."""
    protocol = getattr(websocket._receive, "__self__", None)
    if not isinstance(protocol, WebSocketsSansIOProtocol) or protocol.conn.extensions:
        return None
    transport, writable = protocol.transport, protocol.writable
    # By default 64 KiB, which is a hiccup of 20 ms on a busy stream: too little to call a client slow.
    transport.set_write_buffer_limits(high=_WRITE_BUFFER)

    def express(frame: bytes) -> bool:
        # Not writable: earlier frames still wait in the transport, and this one must wait in the outbox behind them.
        if not writable.is_set() or protocol.close_sent or transport.is_closing():
            return False
        transport.write(frame)
        return True

    return express
