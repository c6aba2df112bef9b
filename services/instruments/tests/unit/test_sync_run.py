"""When a run is due, and which states may follow which."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from instruments_service.domain.sync_run import OPEN_STATES, TRANSITIONS, SyncRun, SyncState, due


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 7, day, hour, minute, tzinfo=UTC)


def make_run(requested_at: datetime, state: SyncState = SyncState.COMPLETED, **over: Any) -> SyncRun:
    return SyncRun(
        id=uuid4(),
        state=state,
        requested_at=requested_at,
        requested_by="test",
        force=False,
        attempts=1,
        source="http://master.test",
        **over,
    )


def test_without_a_master_one_is_due_at_once() -> None:
    assert due(utc(30, 0), None, None) == "startup"


# 08:00 IST is 02:30 UTC.
@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        (utc(30, 2, 31), utc(29, 3), "schedule"),
        (utc(30, 2, 31), utc(30, 2, 29), "schedule"),
        (utc(30, 2, 31), utc(30, 2, 30), None),
        (utc(30, 2, 29), utc(29, 3), None),
        (utc(30, 2, 29), utc(28, 3), "schedule"),
        (utc(30, 20), utc(30, 3), None),
    ],
)
def test_one_is_due_a_day_after_the_broker_has_published(now: datetime, last: datetime, expected: str | None) -> None:
    run = make_run(last)
    assert due(now, run, run) == expected


def test_after_a_failure_the_next_waits() -> None:
    good, failed = make_run(utc(28, 3)), make_run(utc(30, 3), SyncState.FAILED)
    assert due(utc(30, 3, 29), good, failed) is None
    assert due(utc(30, 3, 30), good, failed) == "schedule"
    assert due(utc(30, 3, 29), None, failed) is None


def test_every_pair_of_states() -> None:
    for state in SyncState:
        for following in SyncState:
            allowed = following in TRANSITIONS[state]
            assert allowed == ((state in OPEN_STATES and following is not state) and _forward(state, following))


def _forward(state: SyncState, following: SyncState) -> bool:
    return not (state is SyncState.QUEUED and following is SyncState.COMPLETED)
