"""What both embedded servers need: a guarded process with a log, and a stop that always ends."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from breezeway.errors import Misconfigured
from breezeway.supervisor.guard import GATE, OPEN, Guard

_POLL_SECONDS = 0.01
_LOG_BYTES_KEPT = 4_000_000


class StartFailed(Misconfigured):
    """The server ended, or was not ready in time; `log` is the tail of what it said."""

    default_code = "embedded_server_failed"

    def __init__(self, detail: str, log: str) -> None:
        super().__init__(f"{detail}\n--- end of its log ---\n{log}")
        self.log = log


class ServerProcess:
    """One server process in its own process group, under a guard, writing to `log_path`."""

    def __init__(self, name: str, log_path: Path, guard: Guard, *, soft: signal.Signals, hard: signal.Signals) -> None:
        self._name = name
        self._log_path = log_path
        self._guard = guard
        self._soft = soft
        self._hard = hard
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        """Starts the command; use `wait_ready` next."""
        if self._log_path.exists() and self._log_path.stat().st_size > _LOG_BYTES_KEPT:
            self._log_path.replace(self._log_path.with_suffix(".old.log"))
        with open(os.open(self._log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - the command is built from constants and our own paths
                [*GATE, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=cwd,
                env=env,
            )
        self._guard.add(self._process.pid, soft=self._soft, hard=self._hard)
        stdin = self._process.stdin
        if stdin is not None:
            try:
                stdin.write(OPEN)
                stdin.close()
            except BrokenPipeError:
                pass  # it died at the gate; wait_ready reports that with its log

    def wait_ready(self, ready: Callable[[], bool], timeout: float) -> None:
        """Returns once `ready()` is true.

        Raises:
            StartFailed: the process ended, or `timeout` seconds went by. It is stopped then.
        """
        deadline = time.monotonic() + timeout
        while self._process is not None:
            if (code := self._process.poll()) is not None:
                self.stop()
                raise StartFailed(f"{self._name} ended with status {code} while starting", self.log_tail())
            if ready():
                return
            if time.monotonic() > deadline:
                self.stop()
                raise StartFailed(f"{self._name} was not ready after {timeout:g} s", self.log_tail())
            time.sleep(_POLL_SECONDS)

    def stop(self, *, soft_seconds: float = 20.0, hard_seconds: float = 5.0) -> None:
        """Soft signal, hard signal, SIGKILL: on return the process is gone. Does nothing when it is not
        running."""
        process, self._process = self._process, None
        if process is None:
            return
        for number, seconds in ((self._soft, soft_seconds), (self._hard, hard_seconds), (signal.SIGKILL, None)):
            if process.poll() is not None:
                break
            os.kill(process.pid, number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        self._guard.remove(process.pid)

    def log_tail(self, lines: int = 25) -> str:
        """The last lines that this very run wrote."""
        if not self._log_path.exists():
            return "(no log)"
        with self._log_path.open("rb") as log:
            log.seek(max(self._log_start, self._log_path.stat().st_size - 16_384))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:]) or "(empty)"
