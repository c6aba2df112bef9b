"""Pytest plugin: a long run of tests says every few minutes how far it is and which tests are running.

A run that an outside deadline cuts off has no summary; these lines are then all there is to tell a slow machine from a
test that hangs.
"""

import threading
import time
from collections.abc import Callable

import psutil
import pytest

EVERY_S = 300.0
"""Seconds between two lines."""


class RunWatch:
    """Knows which tests are running; with pytest-xdist those of all workers, as their starts are reported here."""

    def __init__(self, say: Callable[[str], None], every_s: float = EVERY_S) -> None:
        self._say = say
        self._every_s = every_s
        self._began = time.monotonic()
        self._running: dict[str, float] = {}
        self._ended = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="run-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        with self._lock:
            self._running[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        with self._lock:
            self._running.pop(nodeid, None)
            self._ended += 1

    def pytest_sessionfinish(self) -> None:
        self._stop.set()
        self._thread.join()

    def line(self) -> str:
        """How far the run is: `[12 min] 2310 tests ended; running: tests/a.py::test_b for 4 s`."""
        now = time.monotonic()
        with self._lock:
            running = ", ".join(f"{test} for {now - start:.0f} s" for test, start in self._running.items())
            return f"[{(now - self._began) / 60:.0f} min] {self._ended} tests ended; running: {running or 'none'}"

    def _speak(self) -> None:
        while not self._stop.wait(self._every_s):
            self._say(f"{self.line()}; {_machine()}")


def _machine() -> str:
    memory = psutil.virtual_memory()
    used, total = ((each / 2**30) for each in (memory.total - memory.available, memory.total))
    return f"load {psutil.getloadavg()[0]:.1f}, memory {used:.1f} of {total:.1f} GiB"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Watches from the process that sees all tests; a worker of pytest-xdist is not it."""
    plugins = session.config.pluginmanager
    reporter = plugins.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return

    def say(line: str) -> None:
        # Through the reporter: pytest's capture would keep what is printed for itself until the end.
        reporter.write(f"\n{line}\n")

    watch = RunWatch(say)
    plugins.register(watch, "run-watch")
    watch.start()
