"""The runs: their intent, their outcome, and the lines they refused."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db.unit_of_work import UnitOfWork
from instruments_service.adapters.db.rows import sync_run
from instruments_service.adapters.db.tables import refused_rows, syncs
from instruments_service.domain.sync_run import OPEN_STATES, TRANSITIONS, Refused, Stage, SyncRun, SyncState

_OPEN = syncs.c.state.in_([state.value for state in OPEN_STATES])


class SqlSyncLog:
    """Implements `SyncLog`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def request(self, run: SyncRun) -> SyncRun:
        async with UnitOfWork(self._engine) as work:
            # The unique index on open runs decides between two requests at once.
            await work.session.execute(
                insert(syncs)
                .values(
                    id=run.id,
                    state=run.state.value,
                    requested_at=run.requested_at,
                    requested_by=run.requested_by,
                    force=run.force,
                    source=run.source,
                )
                .on_conflict_do_nothing()
            )
            row = (await work.session.execute(sa.select(syncs).where(_OPEN))).mappings().one_or_none()
            await work.commit()
        # None: the run that stood in the way was closed between the two statements; the caller's is then simply late.
        return run if row is None else sync_run(row)

    async def claim(self, sync_id: UUID, now: datetime) -> SyncRun | None:
        async with UnitOfWork(self._engine) as work:
            row = (
                (
                    await work.session.execute(
                        sa.update(syncs)
                        .where(syncs.c.id == sync_id, _OPEN)
                        .values(
                            state=SyncState.RUNNING.value,
                            attempts=syncs.c.attempts + 1,
                            started_at=now,
                            retry_at=None,
                        )
                        .returning(syncs)
                    )
                )
                .mappings()
                .one_or_none()
            )
            await work.commit()
        return None if row is None else sync_run(row)

    async def complete_unchanged(self, run: SyncRun, as_before: SyncRun, started_at: datetime, now: datetime) -> None:
        assert as_before.counts is not None  # noqa: S101 - a completed run has counts; narrows the type
        stored = as_before.counts.stored
        async with UnitOfWork(self._engine) as work:
            await work.session.execute(
                sa.update(syncs)
                .where(syncs.c.id == run.id)
                .values(
                    state=SyncState.COMPLETED.value,
                    finished_at=now,
                    seconds=(now - started_at).total_seconds(),
                    master_date=as_before.master_date,
                    effective_date=sa.select(syncs.c.effective_date)
                    .where(syncs.c.id == as_before.id)
                    .scalar_subquery(),
                    sha256=as_before.sha256,
                    size=as_before.size,
                    rows=as_before.rows,
                    stored=stored,
                    refused=as_before.refused,
                    added=0,
                    changed=0,
                    bands_changed=0,
                    expired=0,
                    delisted=0,
                    unchanged=stored,
                    files=as_before.files,
                    missing=list(as_before.missing),
                    mapping_version=as_before.mapping_version,
                    limits_version=as_before.limits_version,
                    stage=Stage.DONE.value,
                    error_code=None,
                    error_detail=None,
                )
            )
            kept = sa.select(
                sa.literal(run.id, sa.Uuid), refused_rows.c.file, refused_rows.c.line, refused_rows.c.reason,
                refused_rows.c.text,
            ).where(refused_rows.c.sync_id == as_before.id)  # fmt: skip
            await work.session.execute(
                sa.insert(refused_rows).from_select(["sync_id", "file", "line", "reason", "text"], kept)
            )
            await work.commit()

    async def reached(self, run: SyncRun, stage: Stage) -> None:
        async with UnitOfWork(self._engine) as work:
            await work.session.execute(
                sa.update(syncs)
                .where(syncs.c.id == run.id, syncs.c.state == SyncState.RUNNING.value)
                .values(stage=stage.value)
            )
            await work.commit()

    async def retry(self, run: SyncRun, code: str, detail: str, at: datetime) -> None:
        await self._set(run.id, SyncState.QUEUED, retry_at=at, error_code=code, error_detail=detail)

    async def fail(self, run: SyncRun, code: str, detail: str, now: datetime) -> None:
        seconds = (now - run.started_at).total_seconds() if run.started_at else None
        await self._set(
            run.id,
            SyncState.FAILED,
            finished_at=now,
            seconds=seconds,
            error_code=code,
            error_detail=detail,
        )

    async def _set(self, sync_id: UUID, state: SyncState, **values: Any) -> None:
        before = [one.value for one, following in TRANSITIONS.items() if state in following]
        async with UnitOfWork(self._engine) as work:
            await work.session.execute(
                sa.update(syncs)
                .where(syncs.c.id == sync_id, syncs.c.state.in_(before))
                .values(state=state.value, **values)
            )
            await work.commit()

    async def open_run(self) -> tuple[SyncRun, datetime | None] | None:
        row = await self._first(sa.select(syncs).where(_OPEN))
        return None if row is None else (sync_run(row), row["retry_at"])

    async def last(self) -> SyncRun | None:
        row = await self._first(sa.select(syncs).order_by(syncs.c.id.desc()).limit(1))
        return None if row is None else sync_run(row)

    async def last_completed(self) -> SyncRun | None:
        row = await self._first(
            sa.select(syncs)
            .where(syncs.c.state == SyncState.COMPLETED.value)
            .order_by(syncs.c.finished_at.desc(), syncs.c.id.desc())
            .limit(1)
        )
        return None if row is None else sync_run(row)

    async def recent(self, limit: int) -> list[SyncRun]:
        async with UnitOfWork(self._engine) as work:
            rows = await work.session.execute(sa.select(syncs).order_by(syncs.c.id.desc()).limit(limit))
            return [sync_run(row) for row in rows.mappings()]

    async def get(self, sync_id: UUID) -> SyncRun | None:
        row = await self._first(sa.select(syncs).where(syncs.c.id == sync_id))
        return None if row is None else sync_run(row)

    async def reasons(self, sync_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, int]]:
        count = sa.func.count()
        query = (
            sa.select(refused_rows.c.sync_id, refused_rows.c.reason, count)
            .where(refused_rows.c.sync_id.in_(sync_ids))
            .group_by(refused_rows.c.sync_id, refused_rows.c.reason)
            .order_by(count.desc(), refused_rows.c.reason)
        )
        found: dict[UUID, dict[str, int]] = {}
        async with UnitOfWork(self._engine) as work:
            for sync_id, reason, number in await work.session.execute(query):
                found.setdefault(sync_id, {})[str(reason)] = int(number)
        return found

    async def refused(self, sync_id: UUID, limit: int) -> list[Refused]:
        query = (
            sa.select(refused_rows.c.file, refused_rows.c.line, refused_rows.c.reason, refused_rows.c.text)
            .where(refused_rows.c.sync_id == sync_id)
            .order_by(refused_rows.c.file, refused_rows.c.line)
            .limit(limit)
        )
        async with UnitOfWork(self._engine) as work:
            return [Refused(*row) for row in (await work.session.execute(query))]

    async def _first(self, query: sa.Select[Any]) -> sa.RowMapping | None:
        async with UnitOfWork(self._engine) as work:
            row: sa.RowMapping | None = (await work.session.execute(query)).mappings().first()
            return row
