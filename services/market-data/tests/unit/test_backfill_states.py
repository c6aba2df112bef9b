"""Every pair of state and action, and how long a backfill will take."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from breezeway.errors import Conflict
from breezeway.ids import new_id
from breezeway.intervals import Interval
from market_data_service.domain.backfill import TRANSITIONS, Backfill, BackfillAction, BackfillState, after

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(("state", "action"), list(product(BackfillState, BackfillAction)))
def test_every_pair_is_allowed_or_refused(state: BackfillState, action: BackfillAction) -> None:
    if (state, action) in TRANSITIONS:
        assert after(state, action) is TRANSITIONS[state, action]
    else:
        with pytest.raises(Conflict) as refusal:
            after(state, action)
        assert refusal.value.code == "backfill_state"


def test_nothing_leaves_done() -> None:
    assert [action for state, action in TRANSITIONS if state is BackfillState.DONE] == []


def backfill(state: BackfillState, done: int, started: datetime | None) -> Backfill:
    return Backfill(
        id=new_id(),
        user_id=new_id(),
        symbols=("NSE:INFY",),
        interval=Interval.MINUTE_1,
        from_day=date(2026, 1, 1),
        to_day=date(2026, 11, 20),
        state=state,
        calls_estimated=180,
        created_at=NOW,
        started_at=started,
        chunks_total=180,
        chunks_done=done,
    )


@pytest.mark.parametrize(
    ("state", "done", "started", "eta"),
    [
        (BackfillState.QUEUED, 0, None, 120),  # by the quota: 180 calls at 90 a minute
        (BackfillState.RUNNING, 90, NOW - timedelta(seconds=45), 45),  # by its own pace
        (BackfillState.RUNNING, 90, NOW - timedelta(days=1), 600),  # it rested; the quota bounds the guess
        (BackfillState.PAUSED, 90, NOW, None),
        (BackfillState.DONE, 180, NOW, 0),
    ],
)
def test_eta(state: BackfillState, done: int, started: datetime | None, eta: int | None) -> None:
    assert backfill(state, done, started).eta_seconds(NOW, 90) == eta
