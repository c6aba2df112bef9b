"""What runs, written down: for `breezeway status`, and to find orphans when supervisor and guard were both killed."""

import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_SLACK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Running:
    """A process, named for certain by its id and its start time (epoch seconds), and what it is doing."""

    pid: int
    started: float
    state: str

    @classmethod
    def of(cls, pid: int, state: str) -> "Running | None":
        """The living process with that id; None when there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time(), state)
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SLACK_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True, slots=True)
class StackState:
    """The supervisor and its components at one moment."""

    supervisor: Running
    url: str
    components: Mapping[str, Running]


def write(path: Path, state: StackState) -> None:
    """Replaces the file in one step."""
    unfinished = path.with_suffix(".new")
    with open(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        json.dump(asdict(state), file, indent=1)
    unfinished.replace(path)


def read(path: Path) -> StackState | None:
    """The last state written; None when there is none that can be read."""
    try:
        raw = json.loads(path.read_text())
        return StackState(
            supervisor=Running(**raw["supervisor"]),
            url=raw["url"],
            components={name: Running(**entry) for name, entry in raw["components"].items()},
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def end_orphans(path: Path, *, seconds: float = 5.0) -> list[str]:
    """Ends the components of a stack whose supervisor is dead and returns their names.

    Only the holder of the folder's lock may call this.
    """
    state = read(path)
    if state is None:
        return []
    orphans = {name: entry for name, entry in state.components.items() if entry.alive}
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = [psutil.Process(entry.pid) for entry in orphans.values() if entry.alive]
        for process in left:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        psutil.wait_procs(left, timeout=seconds)
    path.unlink(missing_ok=True)
    return sorted(orphans)
