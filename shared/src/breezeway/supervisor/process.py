"""One child process of the supervisor: behind the gate, under the guard, its output passed on line by line."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Self

from breezeway.supervisor.guard import GATE, OPEN, Guard

_LONGEST_LINE = 256 * 1024
_GROUP_POLL_SECONDS = 0.05
_PIPE_SECONDS = 2.0


class ChildProcess:
    """A process in its own group. `tail` holds its last lines, for the message when it fails."""

    def __init__(self, process: asyncio.subprocess.Process, guard: Guard, on_line: Callable[[str], None]) -> None:
        self._process = process
        self._guard = guard
        self._on_line = on_line
        self.tail: deque[str] = deque(maxlen=20)
        self._output = asyncio.create_task(self._pass_on(), name=f"output of {process.pid}")

    @classmethod
    async def start(
        cls, command: Sequence[str], env: Mapping[str, str], guard: Guard, on_line: Callable[[str], None]
    ) -> Self:
        """Starts the command; `env` is its whole environment."""
        process = await asyncio.create_subprocess_exec(
            *GATE,
            *command,
            env=dict(env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        guard.add(process.pid, soft=signal.SIGTERM)
        if process.stdin is not None:
            process.stdin.write(OPEN)
            with suppress(ConnectionError):  # it died at the gate, which `wait` will tell
                await process.stdin.drain()
            process.stdin.close()
        return cls(process, guard, on_line)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """Exit status, negative for a signal, once the process has ended and its output has been passed on."""
        code = await self._process.wait()
        # A grandchild may hold the pipe open for as long as it likes; it must not hold us.
        await asyncio.wait({self._output}, timeout=_PIPE_SECONDS)
        return code

    async def stop(self, seconds: float) -> None:
        """SIGTERM, then after `seconds` SIGKILL, to the whole group: on return none of it is left."""
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()
        await self.clear_group(seconds=0.5)

    async def clear_group(self, *, seconds: float) -> None:
        """Ends what the process left behind in its group, after giving it `seconds` to go by itself."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._signal(0):  # noqa: ASYNC110 - the kernel tells nobody when a group becomes empty
                    await asyncio.sleep(_GROUP_POLL_SECONDS)
        self._signal(signal.SIGKILL)
        await self._process.wait()
        self._guard.remove(self.pid)
        self._output.cancel()

    def _signal(self, number: int) -> bool:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            return False
        return True

    async def _pass_on(self) -> None:
        stdout = self._process.stdout
        while stdout is not None:
            try:
                line = await stdout.readline()
            except ValueError:
                continue  # longer than the limit; the reader has dropped it, and the next line is whole
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self.tail.append(text)
            self._on_line(text)
