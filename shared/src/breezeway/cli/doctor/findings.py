"""What a check found."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. Only a `fault` makes the exit status 1."""

    OK = "ok"
    NOTE = "note"
    """Could not be looked at, for a reason that is no fault."""
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Args:
        check: stable name of the check.
        detail: what was found; never a secret.
        remedy: what to do; empty when nothing has to be done.
    """

    check: str
    level: Level
    detail: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def ok(check: str, detail: str) -> Finding:
    return Finding(check, Level.OK, detail)


def note(check: str, detail: str) -> Finding:
    return Finding(check, Level.NOTE, detail)


def warning(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check, Level.WARNING, detail, remedy)


def fault(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check, Level.FAULT, detail, remedy)
