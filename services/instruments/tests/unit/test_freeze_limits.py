"""Freeze limits: what a file may say, and which limit counts on a day."""

from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from breezeway.errors import Misconfigured
from instruments_service.adapters.files.freeze_limits import FreezeLimitFiles
from instruments_service.adapters.redis.signals import progress_message
from instruments_service.domain.freeze_limits import FreezeLimit, FreezeLimits
from instruments_service.domain.sync_run import Stage, SyncRun, SyncState


def test_the_newest_limit_that_is_in_force_counts() -> None:
    limits = FreezeLimits(
        [
            FreezeLimit("NFO", "NIFTY", date(2026, 9, 1), 1_755),
            FreezeLimit("NFO", "NIFTY", date(2026, 8, 1), 1_800),
            FreezeLimit("NFO", "NIFTY", date(2026, 9, 1), 1_700),
        ],
        "v",
    )
    assert limits.on(date(2026, 7, 31)) == {}
    assert limits.on(date(2026, 8, 31)) == {("NFO", "NIFTY"): 1_800}
    assert limits.on(date(2026, 9, 1)) == {("NFO", "NIFTY"): 1_700}


async def test_ours_are_the_exchanges_of_august_2026() -> None:
    limits = await FreezeLimitFiles(None).read()
    assert limits.on(date(2026, 8, 3)) == {
        ("NFO", "NIFTY"): 1_800,
        ("NFO", "BANKNIFTY"): 600,
        ("NFO", "FINNIFTY"): 1_800,
        ("NFO", "MIDCPNIFTY"): 2_800,
        ("NFO", "NIFTYNXT50"): 600,
        ("BFO", "SENSEX"): 1_000,
        ("BFO", "BANKEX"): 900,
    }
    assert limits.on(date(2026, 7, 30)) == {}
    assert (await FreezeLimitFiles(None).read()).version == limits.version


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "- 1",
        "freeze: []",
        "freeze_quantities: 1",
        "freeze_quantities: [{exchange: NSE, underlying: NIFTY, from: 2026-08-01, quantity: 1}]",
        "freeze_quantities: [{exchange: NFO, underlying: NIFTY, from: '2026-08-01', quantity: 1}]",
        "freeze_quantities: [{exchange: NFO, underlying: NIFTY, from: 2026-08-01, quantity: 0}]",
        "freeze_quantities: [{exchange: NFO, underlying: NIFTY, from: 2026-08-01, quantity: 1.5}]",
        "freeze_quantities: [{exchange: NFO, underlying: NIFTY, from: 2026-08-01, quantity: 1, lot: 65}]",
    ],
)
async def test_a_malformed_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(Misconfigured, match=r"wrong\.yaml") as refusal:
        await FreezeLimitFiles(tmp_path).read()
    assert refusal.value.code == "invalid_exchange_limits"
    with pytest.raises(Misconfigured, match="does not exist"):
        await FreezeLimitFiles(tmp_path / "absent").read()


def test_a_progress_message_is_the_essence_of_the_run() -> None:
    requested = datetime(2026, 8, 3, 3, tzinfo=UTC)
    run = SyncRun(UUID(int=7), SyncState.RUNNING, requested, "schedule", False, 1, "x", stage=Stage.STORING)
    message = progress_message(run)
    assert (message["type"], message["state"], message["stage"], message["progress"]) == (
        "instrument_sync", "running", "storing", 0.5
    )  # fmt: skip
