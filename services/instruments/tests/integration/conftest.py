"""A migrated database, and the service's parts built on it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.clock import SystemClock
from breezeway.contracts.instruments import Instrument
from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.errors import BreezewayError
from breezeway.ids import new_id
from breezeway.testing.clock import FixedClock
from instruments_service.adapters.breeze.master_reader import BreezeMasterReader
from instruments_service.adapters.db.index_rows import SqlIndexRows
from instruments_service.adapters.db.merge import SqlMasterStore
from instruments_service.adapters.db.queries import SqlInstrumentQueries
from instruments_service.adapters.db.search import SqlSearch
from instruments_service.adapters.db.sync_log import SqlSyncLog
from instruments_service.adapters.files.freeze_limits import FreezeLimitFiles
from instruments_service.application.catalogue import Catalogue
from instruments_service.application.find import ReadInstruments
from instruments_service.application.search import SearchInstruments
from instruments_service.application.search_index import IndexKeeper
from instruments_service.application.sync_master import RequestSync, SyncMaster
from instruments_service.domain.acceptance import Policy
from instruments_service.domain.sync_run import SyncRun

SERVICE_FOLDER = Path(__file__).resolve().parents[2]


@dataclass
class FakeSource:
    """Hands out whatever archive it holds, or fails with `error`."""

    archive: bytes = b""
    error: BreezewayError | None = None
    url: str = "http://master.test/SecurityMaster.zip"

    async def fetch(self) -> bytes:
        if self.error is not None:
            raise self.error
        return self.archive


@dataclass
class RecordingSignals:
    """Waker and announcer that only remember."""

    woken: list[tuple[UUID, float]] = field(default_factory=list)
    announced: list[UUID] = field(default_factory=list)
    progress: list[SyncRun] = field(default_factory=list)

    async def wake(self, run: SyncRun, delay: float = 0) -> None:
        self.woken.append((run.id, delay))

    async def master_changed(self, sync_id: UUID) -> None:
        self.announced.append(sync_id)

    async def progressed(self, run: SyncRun) -> None:
        self.progress.append(run)


@dataclass
class Service:
    """The service without HTTP and Redis."""

    engine: AsyncEngine
    url: str
    source: FakeSource
    signals: RecordingSignals
    clock: FixedClock | SystemClock
    log: SqlSyncLog
    store: SqlMasterStore
    queries: SqlInstrumentQueries
    catalogue: Catalogue
    keeper: IndexKeeper
    searching: SearchInstruments
    instruments: ReadInstruments
    request: RequestSync
    sync: SyncMaster

    async def search(self, text: str, **wanted: Any) -> list[Instrument]:
        """What a search answers, read by the contract's own model."""
        return [Instrument.model_validate_json(each) for each in await self.searching(text, **wanted)]

    async def run(self, archive: bytes, *, force: bool = False) -> SyncRun:
        """Sync `archive` and return the finished run."""
        self.source.archive = archive
        requested = await self.request("test", force=force)
        await self.sync(requested.id)
        await self.keeper.refresh()
        done = await self.log.get(requested.id)
        assert done is not None
        return done


def build_service(engine: AsyncEngine, url: str, clock: FixedClock | SystemClock | None = None) -> Service:
    source, signals = FakeSource(), RecordingSignals()
    clock = clock or FixedClock(datetime(2026, 7, 30, 4, tzinfo=UTC))
    log, store, queries = SqlSyncLog(engine), SqlMasterStore(engine, clock), SqlInstrumentQueries(engine)
    catalogue = Catalogue(queries)
    keeper = IndexKeeper(catalogue, SqlIndexRows(engine), SqlSearch(engine))
    return Service(
        engine=engine,
        url=url,
        source=source,
        signals=signals,
        clock=clock,
        log=log,
        store=store,
        queries=queries,
        catalogue=catalogue,
        keeper=keeper,
        searching=SearchInstruments(catalogue, keeper),
        instruments=ReadInstruments(catalogue, queries, clock),
        request=RequestSync(log, signals, source.url, clock),
        sync=SyncMaster(
            source=source,
            reader=BreezeMasterReader(),
            store=store,
            log=log,
            waker=signals,
            announcer=signals,
            limits=FreezeLimitFiles(None),
            clock=clock,
            policy=Policy(),
            max_attempts=1,
        ),
    )


@pytest.fixture
def instruments_url(postgres: EmbeddedPostgres, database_url: str) -> str:
    """A migrated, empty instruments database."""
    migrate.upgrade(SERVICE_FOLDER, database_url)
    return database_url


@pytest_asyncio.fixture
async def service(instruments_url: str) -> AsyncIterator[Service]:
    engine = create_engine(instruments_url, application="tests", statement_timeout=120, pool_size=5)
    yield build_service(engine, instruments_url)
    await engine.dispose()


@pytest.fixture(scope="session")
def real_url(postgres: EmbeddedPostgres) -> str:
    """A migrated database that the real master is put into once, for every test that only reads it."""
    name = f"test_{new_id().hex}"
    postgres.create_database(name)
    migrate.upgrade(SERVICE_FOLDER, postgres.url(name))
    return postgres.url(name)


@pytest.fixture(scope="session")
def real_archive(real_data: Path) -> bytes:
    """The broker's own archive of 2026-07-30."""
    return (real_data / "security_master" / "SecurityMaster_2026-07-30_full7.zip").read_bytes()


@pytest_asyncio.fixture(scope="session")
async def real(real_url: str, real_archive: bytes) -> AsyncIterator[tuple[Service, SyncRun]]:
    """The service with the real master, and the run that stored it."""
    engine = create_engine(real_url, application="tests", statement_timeout=120, pool_size=5)
    made = build_service(engine, real_url, SystemClock())
    run = await made.run(real_archive)
    # Expiries are asked for on the master's own day, whenever the test runs.
    made.instruments = ReadInstruments(made.catalogue, made.queries, FixedClock(datetime(2026, 7, 30, 4, tzinfo=UTC)))
    yield made, run
    await engine.dispose()
