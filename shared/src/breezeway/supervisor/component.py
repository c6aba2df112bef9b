"""What the supervisor is told about each part of the stack: plain data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpReady:
    """Ready when a GET answers 2xx."""

    host: str
    port: int
    path: str = "/readyz"


@dataclass(frozen=True, slots=True)
class TcpReady:
    """Ready when a connection is accepted."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class FileReady:
    """Ready when the file exists. The supervisor removes it before each start."""

    path: Path


@dataclass(frozen=True, slots=True)
class AliveReady:
    """Ready when the process has lived that long: for programs that give no sign."""

    seconds: float = 0.5


Readiness = HttpReady | TcpReady | FileReady | AliveReady


class Server(Protocol):
    """Something that starts and stops itself, such as an embedded database. Its methods may block."""

    @property
    def running(self) -> bool: ...

    @property
    def pid(self) -> int | None: ...

    def start(self) -> object:
        """Returns when ready. After a crash it must come back where clients expect it."""
        ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often and how fast a process is started again.

    Args:
        first_delay, longest_delay: seconds; doubled from one to the other while the process keeps dying.
        healthy_after: seconds of life after which the next delay is the first again.
        start_attempts: how often a process may fail before it was ever ready; then the whole start is given up.
    """

    first_delay: float = 0.1
    longest_delay: float = 30.0
    healthy_after: float = 30.0
    start_attempts: int = 3

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row (at least 1)."""
        return min(self.longest_delay, self.first_delay * 2.0 ** min(failures - 1, 30))


@dataclass(frozen=True, slots=True)
class Component:
    """One process, one-shot command or server of the stack.

    Args:
        name: shown before each of its log lines.
        command: argument vector; empty for a `server`.
        env: asked at each start; added to the supervisor's environment. By then what comes before has started, so an
            address or password that is made at run time is known.
        ready: when those that come `after` it may start.
        after: names of components that must be ready, or done, first.
        one_shot: runs to its end; exit status 0 counts as ready, anything else is a failure.
        required: False reports a failure to become ready without stopping the stack.
        start_timeout: seconds for one start.
        stop_timeout: seconds between SIGTERM and SIGKILL.
    """

    name: str
    command: Sequence[str] = ()
    env: Callable[[], Mapping[str, str]] = dict
    ready: Readiness = field(default_factory=AliveReady)
    after: Sequence[str] = ()
    one_shot: bool = False
    required: bool = True
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    start_timeout: float = 60.0
    stop_timeout: float = 10.0
    server: Server | None = None
