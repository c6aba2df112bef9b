"""The broker's real master of 2026-07-30: everything stored or refused, found again, and left whole by a crash."""

from datetime import date
from typing import Any

import pytest

from instruments_service.domain.sync_run import SyncRun, SyncState

pytestmark = pytest.mark.real_data


async def test_every_row_is_stored_or_refused_in_time(real: tuple[Any, SyncRun]) -> None:
    _, run = real
    assert run.state is SyncState.COMPLETED, run.error_detail
    assert run.counts is not None
    assert run.rows == 138_859
    assert run.refused is not None
    assert run.counts.stored + run.refused == run.rows
    assert run.counts.stored > 138_000
    assert run.counts.added == run.counts.stored
    assert run.master_date == date(2026, 7, 30)
    assert run.seconds is not None
    print(f"\nreal master: {run.rows} rows in {run.seconds:.1f} s, {run.refused} refused")
    assert run.seconds <= 15
