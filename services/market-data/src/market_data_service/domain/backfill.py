"""A backfill: what a user asked to be fetched, and how far it has come.

States, by (state, action):

    queued    -start->  running      a worker took the first chunk
    queued    -pause->  paused       running   -pause->  paused      paused -resume-> running
    queued    -cancel-> cancelled    running   -cancel-> cancelled   paused -cancel-> cancelled
    running   -finish-> done         every chunk is done
    running   -fail->   failed       no chunk is open any more, and some were given up
    failed    -retry->  running      cancelled -retry->  running     given-up and open chunks are tried again
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from breezeway.contracts.instruments import Instrument
from breezeway.errors import Conflict
from breezeway.intervals import Interval


class BackfillState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"
    FAILED = "failed"


class BackfillAction(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    FINISH = "finish"
    FAIL = "fail"


TRANSITIONS: Mapping[tuple[BackfillState, BackfillAction], BackfillState] = MappingProxyType(
    {
        (BackfillState.QUEUED, BackfillAction.START): BackfillState.RUNNING,
        (BackfillState.QUEUED, BackfillAction.PAUSE): BackfillState.PAUSED,
        (BackfillState.QUEUED, BackfillAction.CANCEL): BackfillState.CANCELLED,
        (BackfillState.RUNNING, BackfillAction.PAUSE): BackfillState.PAUSED,
        (BackfillState.RUNNING, BackfillAction.CANCEL): BackfillState.CANCELLED,
        (BackfillState.RUNNING, BackfillAction.FINISH): BackfillState.DONE,
        (BackfillState.RUNNING, BackfillAction.FAIL): BackfillState.FAILED,
        (BackfillState.PAUSED, BackfillAction.RESUME): BackfillState.RUNNING,
        (BackfillState.PAUSED, BackfillAction.CANCEL): BackfillState.CANCELLED,
        (BackfillState.FAILED, BackfillAction.RETRY): BackfillState.RUNNING,
        (BackfillState.CANCELLED, BackfillAction.RETRY): BackfillState.RUNNING,
    }
)

WORKABLE = frozenset({BackfillState.QUEUED, BackfillState.RUNNING})
"""States in which workers take chunks."""

FINISHED = frozenset({BackfillState.DONE, BackfillState.FAILED, BackfillState.CANCELLED})


def after(state: BackfillState, action: BackfillAction) -> BackfillState:
    """The state that `action` leads to.

    Raises:
        Conflict: `backfill_state`, when the state does not allow it.
    """
    found = TRANSITIONS.get((state, action))
    if found is None:
        raise Conflict(f"A backfill that is {state} cannot {action}.", code="backfill_state")
    return found


@dataclass(frozen=True, slots=True)
class ChunkError:
    """Why a chunk does not get on; `final` when it will not be tried again by itself."""

    symbol: str
    starts_at: datetime
    ends_at: datetime
    code: str
    detail: str
    attempts: int
    final: bool


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill with its progress. `from_day` and `to_day` are inclusive Indian days."""

    id: UUID
    user_id: UUID
    symbols: Sequence[str]
    interval: Interval
    from_day: date
    to_day: date
    state: BackfillState
    calls_estimated: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    chunks_total: int = 0
    chunks_done: int = 0
    chunks_failed: int = 0
    candles_written: int = 0
    calls_used: int = 0
    errors: Sequence[ChunkError] = ()

    def eta_seconds(self, now: datetime, calls_per_minute: int) -> int | None:
        """How long it will take yet: by its own pace once it has one, else by the broker's quota; None when paused."""
        if self.state in FINISHED:
            return 0
        if self.state is BackfillState.PAUSED:
            return None
        left = self.chunks_total - self.chunks_done - self.chunks_failed
        by_quota = left * 60 / calls_per_minute
        if self.chunks_done < 5 or self.started_at is None:
            return round(by_quota)
        pace = (now - self.started_at).total_seconds() / self.chunks_done
        # A backfill that rested overnight has a slow average; its quota is the better guess then.
        return round(min(left * pace, by_quota * 10))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One broker call's worth of a backfill, held by a worker until `lease` runs out."""

    id: int
    backfill_id: UUID
    user_id: UUID
    instrument: Instrument
    interval: Interval
    starts_at: datetime
    ends_at: datetime
    attempts: int
    lease: str
