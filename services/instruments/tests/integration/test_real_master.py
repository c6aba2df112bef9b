"""The broker's real master of 2026-07-30: everything stored or refused, found again, and left whole by a crash."""

import asyncio
import os
import signal
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from breezeway.contracts.instruments import Instrument, InstrumentType
from breezeway.testing.eventually import eventually
from instruments_service.adapters.db.search import SqlSearch
from instruments_service.application.search import SearchInstruments
from instruments_service.application.search_index import IndexKeeper
from instruments_service.domain.sync_run import SyncRun, SyncState

pytestmark = pytest.mark.real_data

ARCHIVE = Path("security_master") / "SecurityMaster_2026-07-30_full7.zip"

# Syncs the archive in argv[2] into the database in argv[1], as the worker does, without Redis.
RUNNER = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from breezeway.clock import SystemClock
from breezeway.db.engine import create_engine
from instruments_service.adapters.breeze.master_reader import BreezeMasterReader
from instruments_service.adapters.db.merge import SqlMasterStore
from instruments_service.adapters.db.sync_log import SqlSyncLog
from instruments_service.adapters.files.freeze_limits import FreezeLimitFiles
from instruments_service.application.sync_master import SyncMaster
from instruments_service.domain.acceptance import Policy

class Source:
    url = "file"
    async def fetch(self): return Path(sys.argv[2]).read_bytes()

class Silent:
    async def wake(self, run, delay=0): pass
    async def master_changed(self, sync_id): pass
    async def progressed(self, run): pass

async def main():
    engine = create_engine(sys.argv[1], application="victim", statement_timeout=120, pooled=False)
    await SyncMaster(
        source=Source(), reader=BreezeMasterReader(), store=SqlMasterStore(engine, SystemClock()),
        log=SqlSyncLog(engine), waker=Silent(), announcer=Silent(),
        limits=FreezeLimitFiles(None), clock=SystemClock(), policy=Policy(),
    )(UUID(sys.argv[3]))
    await engine.dispose()

asyncio.run(main())
"""


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


async def test_a_second_sync_changes_nothing(real: tuple[Any, SyncRun], real_archive: bytes) -> None:
    service, first = real
    for force in (False, True):
        started = time.perf_counter()
        again = await service.run(real_archive, force=force)
        print(f"\nre-sync {'merged' if force else 'recognised'} in {time.perf_counter() - started:.2f} s")
        assert again.state is SyncState.COMPLETED
        counts = again.counts
        assert (counts.added, counts.changed, counts.bands_changed, counts.expired, counts.delisted) == (0,) * 5
        assert counts.unchanged == counts.stored == first.counts.stored  # type: ignore[union-attr]
    async with service.engine.connect() as connection:
        for table in ("instrument_versions", "instrument_bands", "aliases"):
            query = sa.select(sa.func.count()).select_from(sa.table(table))
            assert (await connection.execute(query)).scalar_one() == 0


@pytest.mark.parametrize(
    ("asked", "symbol"),
    [
        ("NSE:RELIND", "NSE:RELIANCE"),
        ("nse:reliance", "NSE:RELIANCE"),
        ("4.1!2885", "NSE:RELIANCE"),
        ("1.1!500325", "BSE:RELIANCE"),
        ("NSE:STABAN", "NSE:SBIN"),
        ("NSE:INFTEC", "NSE:INFY"),
        ("NSE_INDEX:CNXBAN", "NSE_INDEX:BANKNIFTY"),
        ("NSE_INDEX:NIFFIN", "NSE_INDEX:FINNIFTY"),
        ("NSE_INDEX:NIFSEL", "NSE_INDEX:MIDCPNIFTY"),
        ("4.1!NIFTY 50", "NSE_INDEX:NIFTY"),
        ("BSE_INDEX:BSESEN", "BSE_INDEX:SENSEX"),
        ("NFO:CNXBAN25AUG26FUT", "NFO:BANKNIFTY25AUG26FUT"),
        ("NFO:NIFTY25AUG2624500CE", "NFO:NIFTY25AUG2624500CE"),
        ("MCX:CRUDE19AUG26FUT", "MCX:CRUDEOIL19AUG26FUT"),
        ("NSE:ABB", "NSE:ABB"),
    ],
)
async def test_well_known_names_resolve(real: tuple[Any, SyncRun], asked: str, symbol: str) -> None:
    service, _ = real
    found = await service.catalogue.resolve(asked)
    assert found.symbol == symbol
    assert (await service.catalogue.resolve(str(found.instrument_id))).symbol == symbol


async def test_contract_facts(real: tuple[Any, SyncRun]) -> None:
    service, _ = real
    nifty = await service.catalogue.resolve("NFO:NIFTY25AUG2624500CE")
    assert (nifty.lot_size, nifty.tick_size, nifty.strike) == (65, Decimal("0.05"), Decimal(24500))
    assert (nifty.expiry, nifty.underlying, nifty.right) == (date(2026, 8, 25), "NIFTY", "call")
    assert (await service.catalogue.resolve("NFO:BANKNIFTY25AUG26FUT")).lot_size == 30
    reliance = await service.catalogue.resolve("NSE:RELIANCE")
    assert (reliance.tick_size, reliance.isin, reliance.segment) == (Decimal("0.1"), "INE002A01018", "cash")
    code, days = await service.instruments.expiries("CNXBAN", "NFO")
    assert code == "BANKNIFTY"
    assert days[0] == date(2026, 8, 25)
    assert (await service.instruments.expiries("NIFTY", "NFO"))[1][0] == date(2026, 8, 4)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("nifty 26000 ce dec", "NFO:NIFTY29DEC2626000CE"),
        ("reliance fut", "NFO:RELIANCE25AUG26FUT"),
        ("hdfc bank", "NSE:HDFCBANK"),
        ("RELIND", "NSE:RELIANCE"),
        ("INE002A01018", "NSE:RELIANCE"),
        ("banknifty 25aug 58000 pe", "NFO:BANKNIFTY25AUG2658000PE"),
        ("relianse", "NSE:RELIANCE"),
        ("banknfty fut", "NFO:BANKNIFTY25AUG26FUT"),
        ("nifty", "NSE_INDEX:NIFTY"),
        ("nifty 50", "NSE_INDEX:NIFTY"),
        ("bank nifty", "NSE_INDEX:BANKNIFTY"),
        ("nifty 24500", "NFO:NIFTY04AUG2624500CE"),
        ("sensex", "BSE_INDEX:SENSEX"),
        ("crudeoil fut", "MCX:CRUDEOIL19AUG26FUT"),
        ("gold", "MCX:GOLD05AUG26FUT"),
        ("m&m", "NSE:M&M"),
        ("360one fut", "NFO:360ONE25AUG26FUT"),
        ("NIFTY25AUG2624500CE", "NFO:NIFTY25AUG2624500CE"),
        ("4.1!2885", "NSE:RELIANCE"),
        ("infosys", "NSE:INFY"),
        ("relaince", "NSE:RELIANCE"),
        ("hdfc bnak", "NSE:HDFCBANK"),
        ("tata moters", "NSE:TMPV"),
        ("tatamotors", "NSE:TMPV"),
        ("nifti", "NSE_INDEX:NIFTY"),
        ("sensx", "BSE_INDEX:SENSEX"),
        ("hindustan unilever", "NSE:HINDUNILVR"),
        ("hul", "NSE:HINDUNILVR"),
        ("l&t", "NSE:LT"),
        ("larsen", "NSE:LT"),
        ("sbi", "NSE:SBIN"),
        ("state bank of india", "NSE:SBIN"),
        ("STABAN", "NSE:SBIN"),
        ("CNXBAN", "NSE_INDEX:BANKNIFTY"),
        ("NIFFIN", "NSE_INDEX:FINNIFTY"),
        ("bank", "NSE_INDEX:BANKNIFTY"),
        ("tata", "NSE:TATASTEEL"),
        ("tata steel", "NSE:TATASTEEL"),
        ("adani", "NSE:ADANIENT"),
        ("bajaj finance", "NSE:BAJFINANCE"),
        ("re", "NSE:RELIANCE"),
        ("rel", "NSE:RELIANCE"),
        ("itc", "NSE:ITC"),
        ("500325", "BSE:RELIANCE"),
        ("INE040A01034", "NSE:HDFCBANK"),
        ("vix", "NSE_INDEX:INDIAVIX"),
        ("mahindra", "NSE:M&M"),
        ("natural gas", "MCX:NATURALGAS26AUG26FUT"),
        ("gold bees", "NSE:GOLDBEES"),
        ("sbi large cap fund", "MF:21-103D"),
        ("usdinr", "CDS:USDINR"),
        ("nifty fut", "NFO:NIFTY25AUG26FUT"),
        ("nifty weekly", "NFO:NIFTY04AUG2624300CE"),
        ("nifty put", "NFO:NIFTY04AUG2624300PE"),
        ("maruti fut sep", "NFO:MARUTI29SEP26FUT"),
        ("reliance 1300 ce", "NFO:RELIANCE25AUG261300CE"),
        ("reliance 1300 call aug", "NFO:RELIANCE25AUG261300CE"),
        ("sensex 85000 ce", "BFO:SENSEX30JUL2685000CE"),
        ("crude oil 6000 ce", "MCX:CRUDEOIL17AUG266000CE"),
        ("nifty next 50 fut", "NFO:NIFTYNXT5025AUG26FUT"),
        ("silver fut", "MCX:SILVER04SEP26FUT"),
    ],
)
async def test_searches_show_first_what_a_trader_means(real: tuple[Any, SyncRun], text: str, first: str) -> None:
    service, _ = real
    assert [one.symbol for one in await service.search(text, limit=5)][:1] == [first]


async def test_the_index_and_the_database_find_the_same(real: tuple[Any, SyncRun]) -> None:
    """The database answers while an index is built: a process that has just started must not be told other things."""
    service, _ = real
    by_database = SearchInstruments(
        service.catalogue, IndexKeeper(service.catalogue, NoRows(), SqlSearch(service.engine))
    )
    for text in SAMPLES:
        indexed = [one.symbol for one in await service.search(text, limit=3)]
        found = [Instrument.model_validate_json(one).symbol for one in await by_database(text, limit=3)]
        assert found == indexed, text
    for exchange, type_ in (("BSE", None), (None, InstrumentType.FUTURE), ("NFO", InstrumentType.OPTION)):
        indexed = [one.symbol for one in await service.search("reliance", exchange=exchange, type_=type_, limit=3)]
        answer = await by_database("reliance", exchange=exchange, type_=type_, limit=3)
        assert [Instrument.model_validate_json(one).symbol for one in answer] == indexed != []


async def test_what_the_index_describes_is_what_the_contract_says(real: tuple[Any, SyncRun]) -> None:
    service, _ = real
    for text in SAMPLES:
        by_index = await service.searching(text, limit=10)
        ids = [orjson.loads(one)["instrument_id"] for one in by_index]
        assert by_index == await SqlSearch(service.engine).described(ids), text


SAMPLES = [
    "nifty 26000 ce dec", "reliance fut", "hdfc bank", "RELIND", "INE002A01018", "nifty", "gold", "m&m", "a",
    "banknifty 25aug 58000 pe", "nifty put", "sensex 85000 ce", "nifty 24500", "crude oil 6000 ce",
]  # fmt: skip


class NoRows:
    async def load(self) -> Any:
        raise AssertionError("nothing shall be indexed")


async def test_search_latency(real: tuple[Any, SyncRun]) -> None:
    service, _ = real
    texts = [
        "nifty 26000 ce dec",
        "reliance fut",
        "hdfc bank",
        "RELIND",
        "relianse",
        "nifty",
        "a",
        "tata",
        "gold",
        "m&m",
    ]
    for text in texts:
        await service.search(text)
    taken = []
    for number in range(200):
        started = time.perf_counter()
        assert await service.search(texts[number % len(texts)])
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    print(
        f"\nsearch over the real master: p50 {taken[99]:.1f} ms, p99 {taken[197]:.1f} ms, load {os.getloadavg()[0]:.1f}"
    )


async def test_a_sync_killed_half_way_leaves_the_old_master_whole(service: Any, real_data: Path) -> None:
    from breezeway.testing import small_master as small

    await service.run(small.master(date(2026, 7, 29)))
    before = await rows(service)
    run = await service.request("test", force=True)
    victim = await start_victim(service.url, real_data / ARCHIVE, str(run.id))
    try:
        await eventually(lambda: is_running(service, run.id), 30)
        async with service.engine.begin() as blocker:
            # The merge's last statement needs this row: the victim stops with all written and nothing committed.
            await blocker.execute(sa.text("SELECT FROM syncs WHERE id = :id FOR UPDATE"), {"id": run.id})
            await eventually(lambda: waits_for_a_lock(service), 90)
            victim.send_signal(signal.SIGKILL)
            await victim.wait()
    finally:
        if victim.returncode is None:
            victim.kill()
            await victim.wait()
    assert await rows(service) == before
    assert (await service.log.get(run.id)).state is SyncState.RUNNING
    await eventually(lambda: lock_is_free(service), 60)
    # The next worker takes the same run up and finishes it.
    second = await start_victim(service.url, real_data / ARCHIVE, str(run.id))
    assert await second.wait() == 0
    done = await service.log.get(run.id)
    assert (done.state, done.attempts) == (SyncState.COMPLETED, 2)
    assert done.counts.stored + done.refused == done.rows


async def start_victim(url: str, archive: Path, sync_id: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", RUNNER, url, str(archive), sync_id)


async def rows(service: Any) -> Any:
    async with service.engine.connect() as connection:
        return (await connection.execute(sa.text("SELECT * FROM instruments ORDER BY instrument_id"))).all()


async def is_running(service: Any, sync_id: Any) -> bool:
    return (await service.log.get(sync_id)).state is SyncState.RUNNING


async def waits_for_a_lock(service: Any) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'victim' AND wait_event_type = 'Lock'"
    async with service.engine.connect() as connection:
        return (await connection.execute(sa.text(query))).scalar_one() > 0


async def lock_is_free(service: Any) -> bool:
    async with service.store.exclusive() as alone:
        return bool(alone)
