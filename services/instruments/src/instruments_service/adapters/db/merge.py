"""Makes a day's master the present one: COPY into a staging table, then a few set-based statements, one transaction."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from breezeway.clock import Clock
from breezeway.db.unit_of_work import is_connection_failure
from breezeway.errors import BreezewayError, UpstreamUnavailable
from instruments_service.adapters.db import merge_sql as sql
from instruments_service.adapters.db.staging import stage
from instruments_service.adapters.db.tables import instruments, syncs
from instruments_service.application.ports import MergeOrder
from instruments_service.domain.listing import MAPPING_VERSION, Listing
from instruments_service.domain.sync_run import MergeCounts, Stage, SyncState

_LOCK = 0x696E73747275  # "instru": one sync a database


class MergeMismatch(BreezewayError):
    """The database did not end up with what the file had; rolled back. A fault of ours, never of the file."""

    default_code = "master_mismatch"


class SqlMasterStore:
    """Implements `MasterStore`.

    Args:
        engine: unpooled, with a statement time-out that suits a merge of 200,000 rows.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[bool]:
        # A session lock on a connection of its own: it needs no transaction that would stay open while a file is
        # downloaded, and PostgreSQL lets go of it when this process dies, however it dies.
        async with _available(), self._engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            key = {"key": _LOCK}
            taken = bool((await connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), key)).scalar_one())
            try:
                yield taken
            finally:
                if taken and not connection.invalidated:
                    await asyncio.shield(connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), key))

    async def active_by_file(self) -> Mapping[str, int]:
        query = (
            sa.select(instruments.c.file, sa.func.count())
            .where(instruments.c.status == "active")
            .group_by(instruments.c.file)
        )
        async with _available(), self._engine.connect() as connection:
            return {str(file): int(count) for file, count in (await connection.execute(query))}

    async def merge(self, order: MergeOrder) -> MergeCounts:
        intake = order.intake
        if intake.lines != len(intake.listings) + len(intake.refused):
            raise MergeMismatch(
                f"{intake.lines} lines, but {len(intake.listings)} instruments and {len(intake.refused)} refusals."
            )
        async with _available(), self._engine.begin() as connection:
            for statement in sql.PREPARE:
                await connection.execute(sa.text(statement))
            await self._stage(connection, intake.listings)
            await connection.execute(sa.text(sql.LOCK))
            effective = await self._effective_date(connection, intake.master_date)
            counts = await self._apply(connection, effective, sorted(intake.files))
            await self._check(connection, len(intake.listings))
            await self._record(connection, order, counts, effective)
        return counts

    async def _stage(self, connection: AsyncConnection, listings: Sequence[Listing]) -> None:
        await stage(connection, listings)
        await connection.execute(sa.text("ANALYZE stage"))

    async def _effective_date(self, connection: AsyncConnection, master_date: date) -> date:
        """The day from which this master counts: never before one already in force, so that history only grows."""
        newest = (await connection.execute(sa.select(sa.func.max(syncs.c.effective_date)))).scalar_one()
        return max(master_date, newest) if newest is not None else master_date

    async def _apply(self, connection: AsyncConnection, effective: date, files: list[str]) -> MergeCounts:
        async def run(statement: str, **values: Any) -> sa.CursorResult[Any]:
            return await connection.execute(sa.text(statement), values)

        await run(sql.DIFF, day=effective)
        await run("ANALYZE diff")
        await run(sql.GONE, day=effective, files=files)
        row = (await run(sql.COUNT_CHANGES)).one()
        await run(sql.KEEP_NAMES)
        await run(sql.KEEP_VERSIONS, day=effective)
        await run(sql.KEEP_BANDS, day=effective)
        await run(sql.UPDATE, day=effective)
        added = await self._insert(connection, effective)
        await run(sql.CLOSE, day=effective)
        await run(sql.FLUSH_SEARCH)
        if added:
            # Without it the first searches after the first sync would be planned for an empty table.
            await run("ANALYZE instruments")
        stored = (await run("SELECT count(*) FROM stage")).scalar_one()
        return MergeCounts(
            stored=stored,
            added=added,
            changed=row.changed,
            bands_changed=row.bands_changed,
            expired=row.expired,
            delisted=row.delisted,
            unchanged=stored - added - row.changed - row.bands_changed - row.expired_in_file,
        )

    async def _insert(self, connection: AsyncConnection, day: date) -> int:
        """Insert what is new. Into an empty table without its indexes, which are quicker built at once than row by row;
        nobody reads before the first master is there, so that the lock this takes keeps nobody waiting."""
        dropped: Sequence[sa.Row[Any]] = ()
        if not (await connection.execute(sa.text(sql.HAS_ROWS))).scalar_one():
            dropped = (await connection.execute(sa.text(sql.PLAIN_INDEXES))).all()
        for index in dropped:
            await connection.execute(sa.text(f'DROP INDEX "{index.name}"'))
        added = (await connection.execute(sa.text(sql.INSERT), {"day": day})).rowcount
        for index in dropped:
            # Not `text`: the definition has colons that are no parameters.
            await connection.exec_driver_sql(index.definition)
        return added

    async def _check(self, connection: AsyncConnection, listings: int) -> None:
        stored = (await connection.execute(sa.text(sql.COUNT_STORED))).scalar_one()
        if stored != listings:
            raise MergeMismatch(f"The file has {listings} instruments, but {stored} of them are stored.")

    async def _record(
        self, connection: AsyncConnection, order: MergeOrder, counts: MergeCounts, effective: date
    ) -> None:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.copy_records_to_table(
            "refused_rows",
            # PostgreSQL's text cannot hold a NUL.
            records=[(order.run.id, r.file, r.line, r.reason, r.text.replace("\0", "")) for r in order.intake.refused],
            columns=("sync_id", "file", "line", "reason", "text"),
        )
        now = self._clock.now()
        await connection.execute(
            sa.update(syncs)
            .where(syncs.c.id == order.run.id)
            .values(
                state=SyncState.COMPLETED.value,
                finished_at=now,
                seconds=(now - order.started_at).total_seconds(),
                master_date=order.intake.master_date,
                effective_date=effective,
                sha256=order.sha256,
                size=order.size,
                rows=order.intake.lines,
                stored=counts.stored,
                refused=len(order.intake.refused),
                added=counts.added,
                changed=counts.changed,
                bands_changed=counts.bands_changed,
                expired=counts.expired,
                delisted=counts.delisted,
                unchanged=counts.unchanged,
                files=dict(order.intake.files),
                missing=list(order.intake.missing),
                mapping_version=MAPPING_VERSION,
                limits_version=order.limits_version,
                stage=Stage.DONE.value,
                error_code=None,
                error_detail=None,
            )
        )


@asynccontextmanager
async def _available() -> AsyncIterator[None]:
    try:
        yield
    except (DBAPIError, OSError) as error:
        if not is_connection_failure(error):
            raise
        raise UpstreamUnavailable(
            "The database does not answer. The old master is untouched.", code="database_unavailable", retry_after=5
        ) from error
