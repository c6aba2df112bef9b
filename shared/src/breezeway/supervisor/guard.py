"""The owner's side of the guard process, and the gate through which every guarded child starts."""

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

GATE = ("/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "breezeway-gate")
"""Prefix of a guarded command. The shell waits for one line on standard input, which the owner sends after it
has registered the new process with the guard; if the owner dies in between, `read` fails and nothing was
started. `exec` keeps the process id."""

OPEN = b"go\n"


class Guard:
    """Stops the registered process groups if this process dies before it calls `close()`.

    Thread-safe. Costs one process of about 10 MB.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._writing = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the guard; None before `start()` and after `close()`."""
        return self._process.pid if self._process else None

    def start(self) -> Self:
        """Starts the guard process; a second call does nothing."""
        if self._process is None:
            script = Path(__file__).with_name("guard_process.py")
            self._process = subprocess.Popen(  # noqa: S603 - our own file, no outside input
                [sys.executable, "-I", "-S", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        return self

    def add(self, group: int, *, soft: signal.Signals, hard: signal.Signals = signal.SIGKILL) -> None:
        """From now on the guard stops this process group when we die."""
        self._send(f"add {group} {int(soft)} {int(hard)}")

    def remove(self, group: int) -> None:
        """The group has ended; its number may be used again by someone else."""
        self._send(f"remove {group}")

    def close(self) -> None:
        """Dismisses the guard without touching what is still registered."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        with self._writing:
            try:
                process.stdin.write(b"done\n")
                process.stdin.close()
            except BrokenPipeError:
                pass  # someone killed the guard; there is nothing left to dismiss
        process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, line: str) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise RuntimeError("the guard is not running")
        with self._writing:
            try:
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()
            except BrokenPipeError:
                # Killed from outside. Its absence matters only if we die too, and then the state file still
                # lets the next start find the orphans; stopping the stack now would be the worse of the two.
                return
