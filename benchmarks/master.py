"""The broker's real master into an empty database, the same once more, and the next day's, by the worker's own code.

    python -m benchmarks master

Each sync runs in a process of its own, so that its peak of memory is its own; PostgreSQL is not in it.
"""

import asyncio
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from benchmarks.table import Row
from breezeway.clock import SystemClock
from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.testing.plugin import REPOSITORY
from instruments_service.adapters.breeze.master_reader import BreezeMasterReader
from instruments_service.adapters.db.merge import SqlMasterStore
from instruments_service.adapters.db.sync_log import SqlSyncLog
from instruments_service.adapters.files.freeze_limits import FreezeLimitFiles
from instruments_service.application.sync_master import RequestSync, SyncMaster
from instruments_service.domain.acceptance import Policy
from instruments_service.domain.sync_run import SyncRun

REAL_DATA = Path(os.environ.get("BREEZEWAY_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
ARCHIVE = Path("security_master") / "SecurityMaster_2026-07-30_full7.zip"
SERVICE = REPOSITORY / "services" / "instruments"
_BANDED = "FONSEScripMaster.txt"
_HIGH_BAND, _LOW_BAND = 35, 34


@dataclass(frozen=True, slots=True)
class FileSource:
    """A `MasterSource` without a network."""

    path: Path

    @property
    def url(self) -> str:
        return self.path.as_uri()

    async def fetch(self) -> bytes:
        return self.path.read_bytes()


class Silent:
    """Waker and announcer of nobody."""

    async def wake(self, run: SyncRun, delay: float = 0) -> None:
        """Nobody sleeps."""

    async def master_changed(self, sync_id: UUID) -> None:
        """Nobody listens."""

    async def progressed(self, run: SyncRun) -> None:
        """Nobody listens."""


def rows() -> Iterator[Row]:
    """Three syncs of one database."""
    archive = REAL_DATA / ARCHIVE
    if not archive.is_file():
        sys.stderr.write(f"no real master at {archive}; set BREEZEWAY_TEST_DATA. Its sync is left out.\n")
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        postgres.create_database("bench")
        url = postgres.url("bench")
        migrate.upgrade(SERVICE, url)
        tomorrow = Path(folder) / "tomorrow.zip"
        tomorrow.write_bytes(next_day(archive.read_bytes()))
        for what, path in (
            ("first sync of the real master", archive),
            ("the same master once more", archive),
            ("the next day's: the bands of every NSE contract moved", tomorrow),
        ):
            child = subprocess.run(  # noqa: S603 - this file
                [sys.executable, "-m", "benchmarks.master", url, str(path)], check=True, capture_output=True, text=True
            )
            found = json.loads(child.stdout.splitlines()[-1])
            figure = f"{found['rows']:,} rows in {found['seconds']:.2f} s, {found['memory']:.0f} MiB"
            yield Row(what, "Breezeway", figure)


def next_day(archive: bytes) -> bytes:
    """The archive a day later, with other price bands of NSE's contracts."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            later = zipfile.ZipInfo(info.filename, (2026, 7, 31, *info.date_time[3:]))
            content = old.read(info)
            new.writestr(later, _moved(content) if info.filename == _BANDED else content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _moved(content: bytes) -> bytes:
    header, *lines = content.decode().split("\r\n")
    moved = [header]
    for line in lines:
        fields = line.split(",")
        for column in (_LOW_BAND, _HIGH_BAND):
            fields[column] = f"{float(fields[column]) + 0.05:.2f}"
        moved.append(",".join(fields))
    return "\r\n".join(moved).encode()


async def _sync(url: str, path: Path) -> SyncRun:
    engine = create_engine(url, application="benchmark", statement_timeout=120.0, pooled=False)
    clock, log, silent, source = SystemClock(), SqlSyncLog(engine), Silent(), FileSource(path)
    run = await RequestSync(log, silent, source.url, clock)("benchmark")
    await SyncMaster(
        source=source,
        reader=BreezeMasterReader(),
        store=SqlMasterStore(engine, clock),
        log=log,
        waker=silent,
        announcer=silent,
        limits=FreezeLimitFiles(None),
        clock=clock,
        policy=Policy(),
    )(run.id)
    done = await log.get(run.id)
    await engine.dispose()
    if done is None or done.seconds is None or done.error_code is not None:
        raise RuntimeError(f"the sync failed: {done}")
    return done


def main(url: str, path: str) -> None:
    """One sync; its figures go to standard output as JSON."""
    done = asyncio.run(_sync(url, Path(path)))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"\n{json.dumps({'rows': done.rows, 'seconds': done.seconds, 'memory': memory})}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
