"""The whole stack in a process of its own, started as `make run` starts it, for end-to-end tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from breezeway.embedded.account import Account
from breezeway.supervisor import state_file
from breezeway.supervisor.ports import free_port

_POLL_SECONDS = 0.05
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "TZ")


class StackError(AssertionError):
    """The stack did not do in time what the test needs; the message ends with its output."""


class StackProcess:
    """`breezeway run` on a data folder and a free port.

    Args:
        home: its data folder.
        environment: added to a small environment; the operator's DATABASE_URL and the like are not inherited.
        account: whom to run as; only root can.
        port: of the gateway; a free one by default.
    """

    def __init__(
        self,
        home: Path,
        *,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        port: int | None = None,
    ) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log_path = home.with_name(f"{home.name}.{self.port}.log")
        self._environment = dict(environment or {})
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        return self._running().pid

    @property
    def log(self) -> str:
        """Everything that the stack printed so far."""
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    def launch(self) -> Self:
        """Starts it and returns at once."""
        command = [sys.executable, "-m", "breezeway.cli.main", "run"]
        if self._account is not None:
            command = self._account.wrap(command, touching=[Path(sys.executable).resolve(), Path(__file__)])
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **{name: os.environ[name] for name in _INHERITED if name in os.environ},
                    "PORT": str(self.port),
                    "BREEZEWAY_HOME": str(self.home),
                    **self._environment,
                },
            )
        return self

    def start(self, seconds: float = 180.0) -> float:
        """Starts it, waits until everything is ready, and returns how many seconds that took."""
        seen = len(self.log)
        started = time.monotonic()
        self.launch()
        while "Breezeway is ready" not in self.log[seen:]:
            if self._running().poll() is not None or time.monotonic() - started > seconds:
                raise StackError(f"the stack is not ready after {time.monotonic() - started:.1f} s:\n{self.tail()}")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - started

    def wait(self, seconds: float = 90.0) -> int:
        """Waits for the supervisor's end and returns its exit status."""
        return self._running().wait(seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to stop and returns its exit status."""
        self._running().send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Kills the supervisor alone, as the kernel does when memory runs out."""
        process = self._running()
        process.kill()
        process.wait()

    def component(self, name: str) -> int:
        """Process id of one component."""
        state = state_file.read(self.home / "run" / "state.json")
        if state is None or name not in state.components:
            raise StackError(f"{name} does not run:\n{self.tail()}")
        return state.components[name].pid

    def is_ready(self, name: str) -> bool:
        """Whether the supervisor has found that one component does its work."""
        state = state_file.read(self.home / "run" / "state.json")
        return state is not None and name in state.components and state.components[name].state == "ready"

    def metrics(self, name: str) -> str:
        """`/metrics` of one component, wherever it listens."""
        process = psutil.Process(self.component(name))
        ports = {link.laddr.port for link in process.net_connections("tcp") if link.status == psutil.CONN_LISTEN}
        for port in ports:
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return answer.text
        raise StackError(f"{name} tells no metrics at any of {sorted(ports)}")

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        supervisor = psutil.Process(self.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def listens(self) -> bool:
        """Whether somebody accepts connections on the gateway's port."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                return True
        except OSError:
            return False

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise StackError("the stack was not launched")
        return self._process


def still_alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that run; a zombie is dead and only waits for its parent to notice."""
    alive = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except psutil.NoSuchProcess:
            continue
    return alive
