"""The fan-out's load generator: many WebSocket clients in one process that time every tick they receive.

    python -m benchmarks.fanout_load < plan.json

Prints `ready` once every client is subscribed, then one line of JSON with what arrived inside the measured window. The
window is told on standard input after `ready`, as two epoch microseconds. Frames are parsed by hand: a WebSocket
library would cost this process more than the gateway spends on sending.
"""

import asyncio
import base64
import json
import os
import re
import sys
import time
import zlib
from array import array
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast
from urllib.parse import urlsplit

import numpy as np
import uvloop

_STAMP: Final = re.compile(rb'"ltt":(\d{16})')
_SUBSCRIBED: Final = b'"type":"subscribed"'
_FLUSHED: Final = b"\x00\x00\xff\xff"
"""What a sender of compressed messages leaves out at their ends (RFC 7692, section 7.2.1)."""
_EDGE: Final = 400
_BUFFERS: Final = 1 << 30
"""Bytes for all clients together; only what is used of them is ever touched."""
_BUFFER: Final = 8 << 20


class Tally:
    """Arrivals of all clients: (time stamps in a frame) → when frames with exactly these stamps arrived."""

    def __init__(self) -> None:
        self._stamps: dict[tuple[int, bytes, bytes], int] = {}
        self._groups: list[np.ndarray] = []
        self._arrivals: dict[int, array[int]] = defaultdict(lambda: array("q"))
        self.frames = 0
        self.bytes = 0

    def add(self, frame: bytes) -> None:
        now = time.time_ns() // 1000
        self.frames += 1
        self.bytes += len(frame)
        # All clients hear the same channels and `seq` rises with every tick, so frames of one length that begin and
        # end with the same ticks are the same frame; its stamps need to be found only once.
        key = (len(frame), frame[:_EDGE], frame[-_EDGE:])
        group = self._stamps.get(key)
        if group is None:
            group = self._stamps[key] = len(self._groups)
            self._groups.append(np.array([int(stamp) for stamp in _STAMP.findall(frame)], np.int64))
        self._arrivals[group].append(now)

    def latencies(self, start: int, end: int) -> np.ndarray:
        """Milliseconds of every delivery of a tick that was made within the window."""
        found = []
        for group, arrivals in self._arrivals.items():
            stamps = self._groups[group]
            inside = stamps[(stamps >= start) & (stamps < end)]
            found.append((np.frombuffer(arrivals, np.int64)[:, None] - inside).astype(np.float32).ravel() / 1000)
        return np.concatenate(found) if found else np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to connect and what to hear; one client a token."""

    url: str
    tokens: list[str]
    channels: list[list[str]]
    """The channels of each client."""
    lazy: int = 0
    """So many of the last clients stop reading once they are subscribed."""


class Client(asyncio.BufferedProtocol):
    """One connection: handshake, two commands, then frames."""

    def __init__(self, host: str, path: str, commands: list[dict[str, Any]], tally: Tally, buffer: int) -> None:
        self._host, self._path, self._commands, self._tally = host, path, commands, tally
        self._buffer = bytearray(buffer)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._upgraded = False
        self._inflate: zlib._Decompress | None = None
        self.subscribed = asyncio.get_running_loop().create_future()
        self.lost = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            # As every browser does; what comes of it is the server's choice.
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self.subscribed.done():
            self.subscribed.set_exception(error or ConnectionError("refused"))

    def get_buffer(self, _: int) -> memoryview:
        return self._view[self._filled :]

    def buffer_updated(self, count: int) -> None:
        self._filled += count
        at = 0
        if not self._upgraded:
            end = self._buffer.find(b"\r\n\r\n", 0, self._filled)
            if end < 0:
                return
            assert self._buffer.startswith(b"HTTP/1.1 101")
            self._upgraded, at = True, end + 4
            if b"permessage-deflate" in self._buffer[:end]:
                self._inflate = zlib.decompressobj(-15)
            for command in self._commands:
                self._send(1, json.dumps(command).encode())
        while (size := self._frame(at)) is not None:
            at += size
        if at:
            rest = self._filled - at
            self._buffer[:rest] = self._buffer[at : self._filled]
            self._filled = rest

    def _frame(self, at: int) -> int | None:
        """Take the frame that begins at `at`; its whole length, or None while it is incomplete."""
        available = self._filled - at
        if available < 2:
            return None
        length, head = self._buffer[at + 1], 2
        if length == 126:
            length, head = int.from_bytes(self._view[at + 2 : at + 4], "big"), 4
        elif length == 127:
            length, head = int.from_bytes(self._view[at + 2 : at + 10], "big"), 10
        if available < head + length:
            return None
        payload = bytes(self._view[at + head : at + head + length])
        if self._buffer[at] & 0x40 and self._inflate is not None:
            payload = self._inflate.decompress(payload + _FLUSHED)
        match self._buffer[at] & 0x0F:
            case 1:
                self._message(payload)
            case 9:
                self._send(10, payload)
        return head + length

    def _message(self, payload: bytes) -> None:
        if self.subscribed.done():
            self._tally.add(payload)
        elif _SUBSCRIBED in payload:
            self.subscribed.set_result(None)

    def _send(self, opcode: int, payload: bytes) -> None:
        assert self.transport is not None
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        # Masked with zeros: the protocol asks for a mask, not for a good one.
        self.transport.write(bytes([0x80 | opcode]) + length + bytes(4) + payload)


def _itself(client: Client) -> Client:
    return client


async def run(plan: Plan) -> dict[str, Any]:
    """Connect everybody, wait for the window to be named and to pass, and sum up."""
    loop = asyncio.get_running_loop()
    address = urlsplit(plan.url)
    tally = Tally()
    clients: list[Client] = []
    buffer = min(_BUFFER, _BUFFERS // len(plan.tokens))
    for token, channels in zip(plan.tokens, plan.channels, strict=True):
        commands: list[dict[str, Any]] = [
            {"action": "auth", "token": token},
            {"action": "subscribe", "id": 1, "channels": channels},
        ]
        client = Client(address.netloc, address.path, commands, tally, buffer)
        await loop.create_connection(partial(_itself, client), address.hostname or "", address.port or 80)
        clients.append(client)
        await asyncio.wait_for(client.subscribed, 30)
    for client in clients[len(clients) - plan.lazy :]:
        assert client.transport is not None
        client.transport.pause_reading()
    print("ready", flush=True)
    start, end = json.loads(await asyncio.to_thread(sys.stdin.readline))
    # A second for stragglers: what is later than that is as good as lost, and shows in the count.
    await asyncio.sleep(end / 1e6 - time.time() + 1)
    latencies = tally.latencies(start, end)
    p50, p99 = np.percentile(latencies, [50, 99]) if len(latencies) else (float("nan"), float("nan"))
    return {
        "deliveries": len(latencies),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "frames": tally.frames,
        "bytes": tally.bytes,
        "lost_clients": sum(client.lost for client in clients[: len(clients) - plan.lazy]),
        "cpu_seconds": time.process_time(),
    }


def main() -> None:
    plan = Plan(**json.loads(sys.stdin.readline()))
    print(json.dumps(uvloop.run(run(plan))), flush=True)


if __name__ == "__main__":
    main()
