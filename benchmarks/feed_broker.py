"""A Breeze quote socket that sends as fast as its reader takes it: Engine.IO 4 and Socket.IO 5 spoken by hand.

    python -m benchmarks.feed_broker < plan.json        # prints its port, serves until killed

A Socket.IO library would be the bottleneck of what is measured. Every frame is one quote; its total buy quantity is the
moment of sending in tenths of a millisecond (modulo 10^9), its trade time runs on from 10:00 of a trading day.
"""

import asyncio
import base64
import hashlib
import json
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import uvloop
from pydantic import TypeAdapter

from breezeway.clock import IST, ClockMapping

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TRADING: Final = int(datetime(2026, 11, 18, 10, 0, tzinfo=IST).timestamp())
_OPEN: Final = '0{"sid":"bench","upgrades":[],"pingInterval":300000,"pingTimeout":300000,"maxPayload":1000000}'
_BEGAN: Final = datetime.now(IST)
_MAPPING: Final = TypeAdapter(ClockMapping)
_AT_ONCE: Final = 50
_STAMP: Final = 10**9


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` frames a second over all rooms that the reader has joined; 0 as many as it takes."""

    rate: int


def stamp() -> int:
    """Now, as the frames say it."""
    return time.time_ns() // 100_000 % _STAMP


def milliseconds_since(sent: int) -> float:
    """From a frame's stamp until now."""
    return ((stamp() - sent) % _STAMP) / 10


def _frame(text: str) -> bytes:
    payload = text.encode()
    size = len(payload)
    return b"\x81" + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")) + payload


class Reader(asyncio.Protocol):
    """One connected client."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._data = b""
        self._upgraded = False
        self._rooms: list[str] = []
        self._writable = asyncio.Event()
        self._writable.set()
        self._sending: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sending is not None:
            self._sending.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._upgraded:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if end:
                self._data = rest
                self._greet(head)
        while self._upgraded and (text := self._next()) is not None:
            self._heed(text)

    def _greet(self, head: bytes) -> None:
        assert self._transport is not None
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        given = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if b"upgrade" not in headers:
            # The one thing that is asked by HTTP: which exchange time it is.
            body = _MAPPING.dump_json(ClockMapping(_BEGAN, datetime.fromtimestamp(_TRADING, IST)))
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
            self._transport.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
            self._transport.close()
            return
        key = next(value for name, value in given.items() if name.lower() == b"sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - the WebSocket handshake
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + _frame(_OPEN)
        )
        self._upgraded = True

    def _next(self) -> str | None:
        """The next whole message of the client, which masks its frames."""
        data = self._data
        if len(data) < 6:
            return None
        size, at = data[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        if len(data) < at + 4 + size:
            return None
        mask, body = data[at : at + 4], data[at + 4 : at + 4 + size]
        self._data = data[at + 4 + size :]
        return bytes(byte ^ mask[n % 4] for n, byte in enumerate(body)).decode(errors="replace")

    def _heed(self, text: str) -> None:
        assert self._transport is not None
        if text.startswith("40"):
            self._transport.write(_frame('40{"sid":"bench"}'))
        elif text.startswith('42["join"'):
            rooms = json.loads(text[2:])[1]
            self._rooms += [rooms] if isinstance(rooms, str) else rooms
            if self._sending is None:
                self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        assert self._transport is not None
        began = time.monotonic()
        sent = 0
        while True:
            await self._writable.wait()
            due = int((time.monotonic() - began) * self._plan.rate) - sent if self._plan.rate else _AT_ONCE
            for _ in range(0, due, _AT_ONCE):
                count = min(_AT_ONCE, due)
                self._transport.write(b"".join([self._quote(sent + n) for n in range(count)]))
                sent += count
                due -= count
            await asyncio.sleep(0.002 if self._plan.rate else 0)

    def _quote(self, number: int) -> bytes:
        room = self._rooms[number % len(self._rooms)]
        price = 1_000 + number % 997 / 20
        at = _TRADING + int(time.time() - _BEGAN.timestamp())
        return _frame(
            f'42["stock",["{room}",998.5,{price},1051,990.05,-0.42,{price - 0.05:.2f},310,{price + 0.05:.2f},125,25,'
            f'1013.37,{4_402_915 + number},{stamp()},502114,"70.14C","",900.95,1101.2,{at},1001.1]]'
        )


async def main() -> None:
    plan = Plan(**json.loads(sys.stdin.readline()))
    server = await asyncio.get_running_loop().create_server(lambda: Reader(plan), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
