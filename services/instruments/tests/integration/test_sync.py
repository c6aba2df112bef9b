"""Syncs of small hand-made masters, through every state."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from breezeway.errors import NotFound, UpstreamTimeout
from breezeway.ids import new_id
from breezeway.testing import small_master as small
from instruments_service.adapters.files.freeze_limits import FreezeLimitFiles
from instruments_service.application.sync_master import SweepSyncs, SyncMaster
from instruments_service.domain.sync_run import MergeCounts, Stage, SyncState

THURSDAY, FRIDAY, LATER = date(2026, 7, 30), date(2026, 7, 31), date(2026, 8, 26)


async def snapshot(service: Any) -> list[Any]:
    """Every table's rows, to prove that nothing moved."""
    found: list[Any] = []
    async with service.engine.connect() as connection:
        for table in ("instruments", "instrument_versions", "instrument_bands", "aliases"):
            rows = await connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1, 2"))  # noqa: S608 - names above
            found.append(rows.all())
    return found


async def test_the_first_sync_stores_every_row_or_says_why_not(service: Any) -> None:
    run = await service.run(small.master(THURSDAY))
    assert run.state is SyncState.COMPLETED, run.error_detail
    assert run.rows == small.ROWS
    assert run.refused == 1
    assert run.counts == MergeCounts(small.STORED, small.STORED, 0, 0, 0, 0, 0)
    assert run.master_date == THURSDAY
    assert run.missing == ("CDNSEScripMaster.txt",)
    assert service.signals.announced == [run.id]
    assert await service.log.reasons([run.id]) == {run.id: {"token_unusable": 1}}
    line = (await service.log.refused(run.id, 10))[0]
    assert (line.file, line.line, line.reason) == (small.NSE, 6, "token_unusable")
    assert line.text == small.JUNK


async def test_the_same_file_again_changes_nothing(service: Any) -> None:
    archive = small.master(THURSDAY)
    await service.run(archive)
    before = await snapshot(service)
    for force in (False, True):
        again = await service.run(archive, force=force)
        assert again.state is SyncState.COMPLETED
        assert again.counts == MergeCounts(small.STORED, 0, 0, 0, 0, 0, small.STORED)
        assert again.refused == 1
        assert await snapshot(service) == before


async def test_the_next_day_adds_changes_and_delists(service: Any) -> None:
    await service.run(small.master(THURSDAY))
    eternal = small.ZOMATO.replace("ZOMATO LIMITED", "ETERNAL LIMITED").replace(",ZOMATO", ",ETERNAL")
    new_share = "11,TCS,EQ,TATA CONSULTANCY SERVICES,0.01,1,INE467B01029,3400,2800,TCS"
    wider = small.RELIANCE.replace("1403.4", "1410.4")
    larger_lot = small.AUG_FUTURE.replace(",500,", ",250,")
    run = await service.run(
        small.master(
            FRIDAY,
            nse=[wider, eternal, small.BANKNIFTY, new_share],
            fonse=[larger_lot, small.AUG_CALL, small.BANK_PUT],
        )
    )
    assert run.counts == MergeCounts(
        stored=small.STORED, added=1, changed=2, bands_changed=1, expired=0, delisted=1, unchanged=small.STORED - 4
    )
    gone = await service.catalogue.resolve("NSE:HDFCBANK")
    assert gone.status == "delisted"
    renamed = await service.catalogue.resolve("NSE:ZOMATO")
    assert (renamed.symbol, renamed.name) == ("NSE:ETERNAL", "ETERNAL LIMITED")


async def test_as_of_answers_from_the_days_master(service: Any) -> None:
    await service.run(small.master(THURSDAY))
    eternal = small.ZOMATO.replace("ZOMATO LIMITED", "ETERNAL LIMITED").replace(",ZOMATO", ",ETERNAL")
    await service.run(
        small.master(
            FRIDAY,
            nse=[small.RELIANCE.replace("1403.4", "1410.4"), eternal, small.BANKNIFTY],
            fonse=[small.AUG_FUTURE.replace(",500,", ",250,")],
        )
    )
    future = "NFO:RELIANCE25AUG26FUT"
    assert (await service.instruments.one(future, THURSDAY)).lot_size == 500
    assert (await service.instruments.one(future, FRIDAY)).lot_size == 250
    assert (await service.instruments.one(future, FRIDAY + timedelta(days=5))).lot_size == 250
    assert (await service.instruments.one("NSE:RELIANCE", THURSDAY)).upper_band == Decimal("1403.4")
    assert (await service.instruments.one("NSE:RELIANCE", FRIDAY)).upper_band == Decimal("1410.4")
    then = await service.instruments.one("NSE:ZOMATO", THURSDAY)
    assert (then.symbol, then.name) == ("NSE:ZOMATO", "ZOMATO LIMITED")
    assert (await service.instruments.one("NSE:ETERNAL", THURSDAY)).symbol == "NSE:ZOMATO"
    now = await service.instruments.one("NSE:ZOMATO", None)
    assert now.symbol == "NSE:ETERNAL"
    assert "NSE:ZOMATO" in now.aliases
    assert (await service.instruments.one("NSE:HDFCBANK", THURSDAY)).status == "active"
    assert (await service.instruments.one("NSE:HDFCBANK", FRIDAY)).status == "delisted"
    with pytest.raises(NotFound) as refusal:
        await service.instruments.one(future, THURSDAY - timedelta(days=1))
    assert refusal.value.code == "instrument_not_listed"


async def test_listing_days_are_what_the_masters_say(service: Any) -> None:
    """Of what the very first master has, nobody knows since when; of what comes later, until when it was not there."""
    await service.run(small.master(THURSDAY))
    first = await service.instruments.one("NSE:RELIANCE", None)
    assert (first.listed_on, first.not_listed_until, first.delisted_on) == (THURSDAY, None, None)
    monday = date(2026, 8, 3)
    september = small.AUG_FUTURE.replace("60001", "60009").replace("25-Aug-2026", "29-Sep-2026")
    usd = "CDNSEScripMaster.txt"
    await service.run(
        small.master(
            monday,
            nse=[small.RELIANCE, small.ZOMATO, small.BANKNIFTY],
            fonse=[small.AUG_FUTURE, small.AUG_CALL, small.BANK_PUT, september],
        )
    )
    new = await service.instruments.one("NFO:RELIANCE29SEP26FUT", None)
    # The masters of Friday and the weekend were never read.
    assert (new.listed_on, new.not_listed_until, new.delisted_on) == (monday, THURSDAY, None)
    gone = await service.instruments.one("NSE:HDFCBANK", None)
    assert (gone.listed_on, gone.delisted_on) == (THURSDAY, monday)
    assert (await service.instruments.one("NSE:RELIANCE", None)).not_listed_until is None
    run = (await service.log.recent(1))[0]
    assert usd in run.missing
    async with service.engine.begin() as connection:
        # As if the currency file had come with the second master only: the first says nothing about its contracts.
        await connection.execute(
            sa.text("UPDATE instruments SET file = :file WHERE symbol = 'NFO:RELIANCE29SEP26FUT'"), {"file": usd}
        )
    assert (await service.instruments.one("NFO:RELIANCE29SEP26FUT", None)).not_listed_until is None
    async with service.engine.begin() as connection:
        await connection.execute(
            sa.text("UPDATE instruments SET file = 'FONSEScripMaster.txt' WHERE symbol = 'NFO:RELIANCE29SEP26FUT'")
        )
        # As if an older release, which understood less of the file, had read the first one.
        await connection.execute(
            sa.text("UPDATE syncs SET mapping_version = mapping_version - 1 WHERE effective_date = :day"),
            {"day": THURSDAY},
        )
    assert (await service.instruments.one("NFO:RELIANCE29SEP26FUT", None)).not_listed_until is None
    await service.run(small.master(date(2026, 8, 4)))
    assert (await service.instruments.one("NSE:HDFCBANK", None)).delisted_on is None


async def test_contracts_expire_and_stay(service: Any) -> None:
    await service.run(small.master(THURSDAY))
    september = small.AUG_FUTURE.replace("60001", "60009").replace("25-Aug-2026", "29-Sep-2026")
    late = small.CRUDE.replace("19-Aug-2026", "21-Sep-2026")
    run = await service.run(small.master(LATER, fonse=[september, small.BANK_PUT], mcx=[late]))
    # The put is still in the file, a day after its expiry.
    assert run.counts.expired == 4
    assert run.counts.delisted == 0
    assert run.counts.added == 2
    assert (await service.catalogue.resolve("NFO:RELIANCE25AUG26FUT")).status == "expired"
    assert (await service.catalogue.resolve("NFO:CNXBAN25AUG2658000PE")).status == "expired"
    assert [one.symbol for one in await service.search("reliance fut")] == ["NFO:RELIANCE29SEP26FUT"]


async def test_a_token_that_is_given_to_another_contract_names_the_living_one(service: Any) -> None:
    await service.run(small.master(THURSDAY))
    heir = small.AUG_FUTURE.replace("25-Aug-2026", "29-Sep-2026")
    await service.run(small.master(LATER, fonse=[heir]))
    assert (await service.catalogue.resolve("4.1!60001")).symbol == "NFO:RELIANCE29SEP26FUT"
    assert (await service.catalogue.resolve("NFO:RELIANCE25AUG26FUT")).status == "expired"


async def test_a_listing_that_comes_back_keeps_its_id(service: Any) -> None:
    await service.run(small.master(THURSDAY))
    first = await service.catalogue.resolve("NSE:HDFCBANK")
    await service.run(small.master(FRIDAY, nse=[small.RELIANCE, small.ZOMATO, small.BANKNIFTY]))
    assert (await service.catalogue.resolve("NSE:HDFCBANK")).status == "delisted"
    await service.run(small.master(date(2026, 8, 3)))
    back = await service.catalogue.resolve("NSE:HDFCBANK")
    assert (back.instrument_id, back.status) == (first.instrument_id, "active")


async def test_a_cash_tick_holds_for_its_month(service: Any) -> None:
    await service.run(small.master(THURSDAY))
    cheap = [small.RELIANCE.replace("1403.4,1148.4", "220,180"), small.ZOMATO, small.BANKNIFTY, small.HDFC_BANK]
    await service.run(small.master(FRIDAY, nse=cheap))
    assert (await service.catalogue.resolve("NSE:RELIANCE")).tick_size == Decimal("0.1")
    await service.run(small.master(date(2026, 8, 3), nse=cheap))
    assert (await service.catalogue.resolve("NSE:RELIANCE")).tick_size == Decimal("0.01")
    dear = small.FILES[small.NSE]
    await service.run(small.master(date(2026, 8, 4), nse=dear))
    assert (await service.catalogue.resolve("NSE:RELIANCE")).tick_size == Decimal("0.01")


async def test_a_missing_optional_file_leaves_its_instruments_alone(service: Any) -> None:
    await service.run(small.master(THURSDAY))
    without = {name: rows for name, rows in small.FILES.items() if name != small.MCX}
    run = await service.run(small.master(FRIDAY, without))
    assert run.state is SyncState.COMPLETED
    assert run.counts.delisted == 0
    assert (await service.catalogue.resolve("MCX:CRUDEOIL19AUG26FUT")).status == "active"


async def test_one_run_is_open_at_a_time_and_a_closed_one_is_not_run_again(service: Any) -> None:
    service.source.archive = small.master(THURSDAY)
    first = await service.request("somebody")
    second = await service.request("somebody else")
    assert second.id == first.id
    assert service.signals.woken == [(first.id, 0), (first.id, 0)]
    await service.sync(first.id)
    done = await service.log.get(first.id)
    await service.sync(first.id)
    assert await service.log.get(first.id) == done
    assert (await service.request("later")).id != first.id


async def test_two_workers_do_not_run_at_once(service: Any) -> None:
    service.source.archive = small.master(THURSDAY)
    run = await service.request("test")
    async with service.store.exclusive() as mine:
        assert mine
        await service.sync(run.id)
        assert (await service.log.get(run.id)).state is SyncState.QUEUED
    await service.sync(run.id)
    assert (await service.log.get(run.id)).state is SyncState.COMPLETED


async def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_recorded(service: Any) -> None:
    patient = SyncMaster(
        source=service.source,
        reader=service.sync._reader,
        store=service.store,
        log=service.log,
        waker=service.signals,
        limits=FreezeLimitFiles(None),
        announcer=service.signals,
        clock=service.clock,
        policy=service.sync._policy,
        max_attempts=2,
    )
    service.source.error = UpstreamTimeout("too slow", code="master_timeout")
    run = await service.request("test")
    await patient(run.id)
    waiting, not_before = await service.log.open_run()
    assert (waiting.state, waiting.attempts, waiting.error_code) == (SyncState.QUEUED, 1, "master_timeout")
    assert not_before == service.clock.now() + timedelta(seconds=30)
    assert service.signals.woken[-1] == (run.id, 30)
    await patient(run.id)
    failed = await service.log.get(run.id)
    assert (failed.state, failed.attempts, failed.error_code) == (SyncState.FAILED, 2, "master_timeout")


async def test_a_run_whose_process_died_is_taken_up_again_and_given_up_in_the_end(service: Any) -> None:
    run = await service.request("test")
    await service.log.claim(run.id, service.clock.now())
    assert (await service.log.get(run.id)).state is SyncState.RUNNING
    sweep = SweepSyncs(service.log, service.request, service.signals, service.clock)
    await sweep()
    assert service.signals.woken[-1] == (run.id, 0)
    await service.sync(run.id)
    given_up = await service.log.get(run.id)
    assert (given_up.state, given_up.error_code) == (SyncState.FAILED, "sync_gave_up")


async def test_the_sweeper_requests_what_is_due_once(service: Any) -> None:
    sweep = SweepSyncs(service.log, service.request, service.signals, service.clock)
    await sweep()
    opened, _ = await service.log.open_run()
    assert opened.requested_by == "startup"
    await sweep()
    assert (await service.log.open_run())[0].id == opened.id
    service.source.archive = small.master(THURSDAY)
    await service.sync(opened.id)
    await sweep()
    assert await service.log.open_run() is None
    service.clock.set(datetime(2026, 7, 31, 2, 31, tzinfo=UTC))
    await sweep()
    assert (await service.log.open_run())[0].requested_by == "schedule"


async def test_an_unknown_run_is_ignored(service: Any) -> None:
    await service.sync(new_id())
    assert await service.log.recent(10) == []


async def test_a_sync_says_how_far_it_is_and_how_it_ended(service: Any) -> None:
    run = await service.run(small.master(THURSDAY))
    told = service.signals.progress
    assert [(one.state, one.stage) for one in told] == [
        (SyncState.RUNNING, Stage.DOWNLOADING),
        (SyncState.RUNNING, Stage.PARSING),
        (SyncState.RUNNING, Stage.CHECKING),
        (SyncState.RUNNING, Stage.STORING),
        (SyncState.COMPLETED, Stage.DONE),
    ]
    assert told[-1] == run
    assert [one.stage.progress for one in told] == sorted(one.stage.progress for one in told)


async def test_a_failed_sync_says_where_and_why(service: Any) -> None:
    await service.run(small.master(THURSDAY))
    before = await snapshot(service)
    service.signals.progress.clear()
    run = await service.run(b"<html>moved</html>")
    assert (run.state, run.stage, run.error_code) == (SyncState.FAILED, Stage.PARSING, "master_not_a_zip")
    assert service.signals.progress[-1] == run
    assert await snapshot(service) == before


async def test_freeze_limits_are_of_the_masters_day_and_remembered(service: Any, tmp_path: Path) -> None:
    """The master has none: ours come from a file, and an operator's file that changes is merged at the next sync."""
    nifty = "60004,FUTIDX,NIFTY,FUTURE,25-Aug-2026,0,XX,65,10,NIFTY 50,1,9000000,2425020,NIFTY 50"
    bank = small.BANK_PUT
    symbol = "NFO:BANKNIFTY25AUG2658000PE"
    archive = small.master(date(2026, 8, 3), fonse=[small.AUG_FUTURE, small.AUG_CALL, bank, nifty])
    await service.run(archive)
    assert (await service.catalogue.resolve(symbol)).freeze_quantity == 600
    assert (await service.catalogue.resolve("NFO:NIFTY25AUG26FUT")).freeze_quantity == 1_800
    assert (await service.catalogue.resolve("NFO:RELIANCE25AUG26FUT")).freeze_quantity is None
    (tmp_path / "september.yaml").write_text(
        "freeze_quantities:\n  - {exchange: NFO, underlying: BANKNIFTY, from: 2026-08-03, quantity: 900}\n"
        "  - {exchange: NFO, underlying: BANKNIFTY, from: 2026-09-01, quantity: 300}\n"
    )
    service.sync._limits = FreezeLimitFiles(tmp_path)
    again = await service.run(archive)
    assert again.counts.changed == 1
    assert (await service.catalogue.resolve(symbol)).freeze_quantity == 900
    fresh = small.master(date(2026, 8, 4), fonse=[small.AUG_FUTURE, small.AUG_CALL, bank, nifty])
    assert (await service.run(fresh)).counts.changed == 0
    (tmp_path / "september.yaml").write_text(
        "freeze_quantities:\n  - {exchange: NFO, underlying: BANKNIFTY, from: 2026-08-04, quantity: 30}\n"
    )
    assert (await service.run(fresh)).counts.changed == 1
    assert (await service.instruments.one(symbol, date(2026, 8, 3))).freeze_quantity == 900
    assert (await service.instruments.one(symbol, date(2026, 8, 4))).freeze_quantity == 30


async def test_malformed_limits_fail_the_sync_and_keep_the_master(service: Any, tmp_path: Path) -> None:
    await service.run(small.master(THURSDAY))
    before = await snapshot(service)
    (tmp_path / "wrong.yaml").write_text("freeze_quantities: [{exchange: NFO, underlying: NIFTY, quantity: 1800}]\n")
    service.sync._limits = FreezeLimitFiles(tmp_path)
    run = await service.run(small.master(FRIDAY))
    assert (run.state, run.error_code) == (SyncState.FAILED, "invalid_exchange_limits")
    assert "wrong.yaml, entry 1" in run.error_detail
    assert await snapshot(service) == before
