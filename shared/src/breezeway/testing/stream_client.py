"""A small client of the stream, for tests and load scripts."""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import websockets

Message = dict[str, Any]


class StreamClient:
    """One authenticated connection; messages are read one after the other."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._waiting: deque[Message] = deque()
        self._ids = 0
        self.received_ms = 0.0
        """Wall time in epoch milliseconds at which the frame of the last message arrived."""
        self.frames = 0

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, token: str) -> "AsyncIterator[StreamClient]":
        """Connect and authenticate."""
        async with websockets.connect(url, max_queue=1024, compression=None, proxy=None, open_timeout=60) as socket:
            client = cls(socket)
            await socket.send(json.dumps({"action": "auth", "token": token}))
            await client.next("authenticated", seconds=60)
            yield client

    async def send(self, command: Message) -> None:
        await self._socket.send(json.dumps(command))

    async def subscribe(self, channels: Sequence[str]) -> Message:
        """The `subscribed` answer; errors stay to be read."""
        self._ids += 1
        await self.send({"action": "subscribe", "id": self._ids, "channels": list(channels)})
        return await self.next("subscribed", seconds=60)

    async def read(self) -> Message:
        """The next message; raises websockets.ConnectionClosed when there is none any more."""
        while not self._waiting:
            frame = await self._socket.recv()
            self.received_ms = time.time() * 1000
            self.frames += 1
            self._waiting.extend(json.loads(frame))
        return self._waiting.popleft()

    async def next(self, kind: str, *, seconds: float = 60) -> Message:
        """The next message of one type; what comes before it is thrown away."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self.read()
                if message["type"] == kind:
                    return message

    async def messages(self, seconds: float) -> AsyncIterator[Message]:
        """Everything that arrives within `seconds`."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    message = await self.read()
            except TimeoutError:
                return
            yield message

    def clear(self) -> None:
        """Forget what was read but not looked at."""
        self._waiting.clear()
