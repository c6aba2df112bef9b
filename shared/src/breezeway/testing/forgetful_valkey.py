"""A Valkey that is killed with -9 and has forgotten what it answered last."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
from redis.asyncio import Redis

from breezeway.bus.durable import DurableChannels
from breezeway.embedded.valkey import EmbeddedValkey


class Forgetful:
    """Kills a server, and starts it again as it stood when `remember` was called: what a write that was postponed
    leaves, which cannot be brought about at will.

    Args:
        server: a durable one of the test's own.
        folder: its data are somewhere below.
    """

    def __init__(self, server: EmbeddedValkey, folder: Path) -> None:
        self._server = server
        (self._log,) = folder.rglob("*.incr.aof")
        self._size = 0

    async def remember(self, client: "Redis") -> None:
        assert await DurableChannels(client).synced() is not None
        self._size = self._log.stat().st_size

    def kill(self) -> None:
        pid = self._server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(20)
        with self._log.open("r+b") as file:
            file.truncate(self._size)

    def start(self) -> None:
        self._server.start()
