"""One run of the master synchronisation: its states, what it reports, and when the next is due."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from breezeway.clock import IST, ist_datetime


class SyncState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Stage(StrEnum):
    """Where an attempt is; a run keeps the last one, so that a failed run says where it failed."""

    DOWNLOADING = "downloading"
    PARSING = "parsing"
    CHECKING = "checking"
    STORING = "storing"
    DONE = "done"

    @property
    def progress(self) -> float:
        """The share of the work that lies behind when the stage begins, as it was on a real master."""
        return _BEHIND[self]


_BEHIND: Final = MappingProxyType(
    {
        Stage.DOWNLOADING: 0.0,
        Stage.PARSING: 0.1,
        Stage.CHECKING: 0.45,
        Stage.STORING: 0.5,
        Stage.DONE: 1.0,
    }
)

TRANSITIONS: Final = MappingProxyType(
    {
        SyncState.QUEUED: frozenset({SyncState.RUNNING, SyncState.FAILED}),
        # Back to queued: its process died, or the failure may pass.
        SyncState.RUNNING: frozenset({SyncState.COMPLETED, SyncState.FAILED, SyncState.QUEUED}),
        SyncState.COMPLETED: frozenset(),
        SyncState.FAILED: frozenset(),
    }
)
OPEN_STATES: Final = tuple(state for state, following in TRANSITIONS.items() if following)

MAX_ATTEMPTS: Final = 3
RETRY_SECONDS: Final = (30.0, 120.0)
"""Waits before the second and the third attempt."""

PUBLISHED_AT: Final = time(8, 0)
"""IST. The broker builds its files between 07:00 and 07:45."""

_AFTER_FAILURE: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What a merge did. `bands_changed` counts instruments of which only the price bands moved, as most do daily."""

    stored: int
    added: int
    changed: int
    bands_changed: int
    expired: int
    delisted: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class SyncRun:
    """A run as it is reported. Times are aware UTC; `seconds` is how long the last attempt took."""

    id: UUID
    state: SyncState
    requested_at: datetime
    requested_by: str
    force: bool
    attempts: int
    source: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    master_date: date | None = None
    sha256: str | None = None
    size: int | None = None
    rows: int | None = None
    refused: int | None = None
    counts: MergeCounts | None = None
    files: dict[str, int] | None = None
    missing: tuple[str, ...] = ()
    seconds: float | None = None
    error_code: str | None = None
    error_detail: str | None = None
    mapping_version: int | None = None
    stage: Stage | None = None
    limits_version: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """One line that was not stored."""

    file: str
    line: int
    reason: str
    text: str


def due(now: datetime, last_completed: SyncRun | None, last: SyncRun | None) -> str | None:
    """Why a run should be requested now, or None.

    One is due when there is no master at all, and once a day after the broker has published. After a failure the next
    try waits half an hour, so that a broken upstream is not asked every minute.
    """
    if last is not None and last.state is SyncState.FAILED and now - last.requested_at < _AFTER_FAILURE:
        return None
    if last_completed is None:
        return "startup"
    published = ist_datetime(now.astimezone(IST).date(), PUBLISHED_AT)
    if now < published:
        published -= timedelta(days=1)
    return "schedule" if last_completed.requested_at < published else None
