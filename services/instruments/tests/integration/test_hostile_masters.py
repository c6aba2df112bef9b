"""Downloads that are no master, or a broken one: the old master stays, and the run says why."""

import io
import zipfile
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from breezeway.testing import small_master as small
from instruments_service.domain.sync_run import SyncState

THURSDAY, FRIDAY = date(2026, 7, 30), date(2026, 7, 31)


def bomb() -> bytes:
    """300 MB of zeros in 300 kB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package, package.open(small.NSE, "w") as member:
        block = b"\0" * 1_048_576
        for _ in range(300):
            member.write(block)
    return buffer.getvalue()


def without(*names: str) -> bytes:
    return small.master(FRIDAY, {name: rows for name, rows in small.FILES.items() if name not in names})


def wrong_columns() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr(small.NSE, "Token,Nothing\r\n1,2")
    return buffer.getvalue()


def other_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("readme.txt", "hello")
    return buffer.getvalue()


GOOD = small.master(FRIDAY)

HOSTILE = {
    "html": (b"<!doctype html><html><body>Service unavailable</body></html>", "master_not_a_zip"),
    "empty": (b"", "master_not_a_zip"),
    "truncated": (GOOD[: len(GOOD) // 2], "master_not_a_zip"),
    "bit-flipped": (GOOD.replace(b"PK\x03\x04", b"PK\x03\x05"), "master_not_a_zip"),
    "bomb": (bomb(), "master_too_large"),
    "another zip": (other_zip(), "master_no_known_file"),
    "wrong columns": (wrong_columns(), "master_columns_missing"),
    "no NSE file": (without(small.NSE), "master_incomplete"),
    "no contracts": (without(small.FONSE, small.FOBSE), "master_incomplete"),
    "headers only": (small.master(FRIDAY, nse=[]), "master_empty"),
    "shrunk": (small.master(FRIDAY, nse=[small.RELIANCE], fonse=[small.AUG_CALL], mf=[], mcx=[]), "master_shrunk"),
    "yesterday's": (small.master(date(2026, 7, 29)), "master_older"),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_a_hostile_download_keeps_the_old_master(service: Any, name: str) -> None:
    archive, code = HOSTILE[name]
    await service.run(small.master(THURSDAY))
    before = await everything(service)
    run = await service.run(archive)
    assert (run.state, run.error_code) == (SyncState.FAILED, code)
    assert run.error_detail
    assert await everything(service) == before
    assert (await service.catalogue.resolve("NSE:RELIANCE")).status == "active"


async def test_an_administrator_may_force_an_older_master_and_history_still_grows_forward(service: Any) -> None:
    await service.run(small.master(FRIDAY))
    older = small.master(THURSDAY, fonse=[small.AUG_FUTURE.replace(",500,", ",250,"), small.AUG_CALL, small.BANK_PUT])
    run = await service.run(older, force=True)
    assert run.state is SyncState.COMPLETED
    assert run.master_date == THURSDAY
    assert (await service.instruments.one("NFO:RELIANCE25AUG26FUT", FRIDAY)).lot_size == 250


async def test_junk_lines_do_not_spoil_their_neighbours(service: Any) -> None:
    junk = [
        "",
        "not,enough",
        '"unclosed,RELIND,EQ,X,0.01,1,,1,1,X',
        "77,LONG,EQ," + "x" * 30_000 + ",0.01,1,,1,1,LONG",
        "78,NULL,EQ,a\0b,0.01,1,,1,1,NULL",
        "79,HUGE,EQ,HUGE,0.01,1,,99999999999999,1,HUGE",
    ]
    rows = [small.RELIANCE, *junk, small.HDFC_BANK, small.ZOMATO, small.BANKNIFTY]
    run = await service.run(small.master(THURSDAY, nse=rows))
    assert run.state is SyncState.COMPLETED, run.error_detail
    assert run.counts.stored == small.STORED
    assert run.refused == len(junk)
    assert run.rows == run.counts.stored + run.refused
    assert (await service.catalogue.resolve("NSE:HDFCBANK")).lot_size == 1


async def everything(service: Any) -> Any:
    async with service.engine.connect() as connection:
        rows = await connection.execute(sa.text("SELECT * FROM instruments ORDER BY instrument_id"))
        history = await connection.execute(sa.text("SELECT count(*) FROM instrument_versions"))
        return rows.all(), history.scalar_one()
