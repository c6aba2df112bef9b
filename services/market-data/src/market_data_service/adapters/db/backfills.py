"""Backfills as their owners see them."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from breezeway.contracts.events import Event, EventKind, Severity
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import NotFound
from breezeway.intervals import Interval
from breezeway.outbox.table import put
from market_data_service.adapters.db.tables import backfill_chunks, backfill_symbols, backfills, events
from market_data_service.application.ports import NewBackfill
from market_data_service.domain.backfill import (
    FINISHED,
    Backfill,
    BackfillAction,
    BackfillState,
    ChunkError,
    after,
)

_INSERT_ROWS = 2_000
_SHOWN_ERRORS = 20


class PostgresBackfillStore:
    """`BackfillStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, new: NewBackfill) -> Backfill:
        chunks = [
            {
                "backfill_id": new.id,
                "symbol": symbol,
                "starts_at": window.starts_at,
                "ends_at": window.ends_at,
            }
            for symbol, windows in new.windows.items()
            for window in windows
        ]
        state = BackfillState.QUEUED if chunks else BackfillState.DONE
        async with UnitOfWork(self._engine) as work:
            await work.session.execute(
                sa.insert(backfills).values(
                    id=new.id,
                    user_id=new.user_id,
                    interval=new.interval.value,
                    from_day=new.from_day,
                    to_day=new.to_day,
                    state=state.value,
                    calls_estimated=len(chunks),
                    created_at=new.created_at,
                    finished_at=None if chunks else new.created_at,
                    asked=new.asked,
                )
            )
            await work.session.execute(
                sa.insert(backfill_symbols),
                [
                    {
                        "backfill_id": new.id,
                        "symbol": instrument.symbol,
                        "position": position,
                        "instrument": instrument.model_dump(mode="json"),
                    }
                    for position, instrument in enumerate(new.instruments)
                ],
            )
            for start in range(0, len(chunks), _INSERT_ROWS):
                await work.session.execute(sa.insert(backfill_chunks), chunks[start : start + _INSERT_ROWS])
            made = await load(work.session, new.id)
            await work.commit()
        return made

    async def same_open(
        self, user_id: UUID, interval: Interval, first: date, last: date, symbols: Sequence[str]
    ) -> Backfill | None:
        b, s = backfills.c, backfill_symbols.c
        query = (
            sa.select(b.id)
            .join(backfill_symbols, s.backfill_id == b.id)
            .where(
                b.user_id == user_id,
                b.interval == interval.value,
                b.from_day == first,
                b.to_day == last,
                b.state.not_in([state.value for state in FINISHED]),
            )
            .group_by(b.id)
            .having(sa.func.array_agg(aggregate_order_by(s.symbol, s.symbol)) == sorted(symbols))
            .order_by(b.id.desc())
            .limit(1)
        )
        async with UnitOfWork(self._engine) as work:
            found = await work.session.scalar(query)
            return None if found is None else await load(work.session, found)

    async def get(self, user_id: UUID, backfill_id: UUID) -> Backfill:
        async with UnitOfWork(self._engine) as work:
            return await load(work.session, backfill_id, user_id)

    async def page(self, user_id: UUID, before: UUID | None, limit: int) -> list[Backfill]:
        query = sa.select(backfills.c.id).where(backfills.c.user_id == user_id)
        if before is not None:
            query = query.where(backfills.c.id < before)
        async with UnitOfWork(self._engine) as work:
            ids = (await work.session.scalars(query.order_by(backfills.c.id.desc()).limit(limit))).all()
            return [await load(work.session, each) for each in ids]

    async def act(self, user_id: UUID, backfill_id: UUID, action: BackfillAction) -> Backfill:
        async with UnitOfWork(self._engine) as work:
            session = work.session
            found = await session.scalar(
                sa.select(backfills.c.state)
                .where(backfills.c.id == backfill_id, backfills.c.user_id == user_id)
                .with_for_update()
            )
            if found is None:
                raise _not_found(backfill_id)
            state = after(BackfillState(found), action)
            await session.execute(
                sa.update(backfills)
                .where(backfills.c.id == backfill_id)
                .values(state=state.value, finished_at=sa.func.now() if state in FINISHED else None)
            )
            if action is BackfillAction.RETRY:
                await session.execute(
                    sa.update(backfill_chunks)
                    .where(backfill_chunks.c.backfill_id == backfill_id, backfill_chunks.c.state != "done")
                    .values(
                        state="pending",
                        attempts=0,
                        not_before=sa.func.now(),
                        lease_owner=None,
                        lease_until=None,
                        error_code=None,
                        error_detail=None,
                    )
                )
                await settle(session, backfill_id)
            elif action is BackfillAction.RESUME:
                # Everything may have been finished by workers that held a chunk when the pause came.
                await settle(session, backfill_id)
            changed = await load(session, backfill_id)
            await work.commit()
        return changed


async def settle(session: AsyncSession, backfill_id: UUID) -> None:
    """Finish a running backfill that has no open chunk left."""
    if await _has_chunk(session, backfill_id, "pending", "leased"):
        return
    failed = await _has_chunk(session, backfill_id, "failed")
    action = BackfillAction.FAIL if failed else BackfillAction.FINISH
    ended = (
        sa.update(backfills)
        .where(backfills.c.id == backfill_id, backfills.c.state == BackfillState.RUNNING.value)
        .values(state=after(BackfillState.RUNNING, action).value, finished_at=sa.func.now())
        .returning(backfills)
    )
    row = (await session.execute(ended)).one_or_none()
    if row is not None and row.asked:
        await put(session, events, await _ending(session, row, failed=failed))


async def _ending(session: AsyncSession, row: Any, *, failed: bool) -> Event:
    c = backfill_symbols.c
    query = sa.select(c.symbol).where(c.backfill_id == row.id).order_by(c.position)
    symbols = (await session.scalars(query)).all()
    what = symbols[0] if len(symbols) == 1 else f"{len(symbols)} instruments"
    how = "has failed in part" if failed else "is done"
    return Event(
        user_id=row.user_id,
        kind=EventKind.BACKFILL_FAILED if failed else EventKind.BACKFILL_DONE,
        severity=Severity.WARNING if failed else Severity.INFO,
        title=f"The backfill of {what} {how}",
        text=f"{row.interval} bars from {row.from_day} to {row.to_day}.",
        at=row.finished_at,
        data={"backfill_id": str(row.id), "interval": row.interval},
    )


async def _has_chunk(session: AsyncSession, backfill_id: UUID, *states: str) -> bool:
    c = backfill_chunks.c
    query = sa.select(sa.literal(1)).where(c.backfill_id == backfill_id, c.state.in_(states)).limit(1)
    return await session.scalar(query) is not None


async def load(session: AsyncSession, backfill_id: UUID, user_id: UUID | None = None) -> Backfill:
    """One backfill with its progress.

    Raises:
        NotFound: `backfill_not_found`, also when it belongs to another user.
    """
    b = backfills.c
    query = sa.select(backfills).where(b.id == backfill_id)
    if user_id is not None:
        query = query.where(b.user_id == user_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise _not_found(backfill_id)
    c = backfill_chunks.c
    totals = (
        await session.execute(
            sa.select(
                sa.func.count().label("total"),
                sa.func.count().filter(c.state == "done").label("done"),
                sa.func.count().filter(c.state == "failed").label("failed"),
                sa.func.coalesce(sa.func.sum(c.candles_written), 0).label("candles"),
                sa.func.coalesce(sa.func.sum(c.calls_used), 0).label("calls"),
            ).where(c.backfill_id == backfill_id)
        )
    ).one()
    symbols = (
        await session.scalars(
            sa.select(backfill_symbols.c.symbol)
            .where(backfill_symbols.c.backfill_id == backfill_id)
            .order_by(backfill_symbols.c.position)
        )
    ).all()
    return _backfill(row, totals, symbols, await _errors(session, backfill_id))


async def _errors(session: AsyncSession, backfill_id: UUID) -> list[ChunkError]:
    c = backfill_chunks.c
    rows = await session.execute(
        sa.select(c.symbol, c.starts_at, c.ends_at, c.error_code, c.error_detail, c.attempts, c.state)
        .where(c.backfill_id == backfill_id, c.error_code.is_not(None), c.state != "done")
        .order_by((c.state == "failed").desc(), c.id)
        .limit(_SHOWN_ERRORS)
    )
    return [
        ChunkError(
            row.symbol,
            row.starts_at,
            row.ends_at,
            row.error_code,
            row.error_detail or "",
            row.attempts,
            row.state == "failed",
        )
        for row in rows
    ]


def _backfill(row: Any, totals: Any, symbols: Sequence[str], errors: Sequence[ChunkError]) -> Backfill:
    return Backfill(
        id=row.id,
        user_id=row.user_id,
        symbols=tuple(symbols),
        interval=Interval(row.interval),
        from_day=row.from_day,
        to_day=row.to_day,
        state=BackfillState(row.state),
        calls_estimated=row.calls_estimated,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        chunks_total=totals.total,
        chunks_done=totals.done,
        chunks_failed=totals.failed,
        candles_written=int(totals.candles),
        calls_used=int(totals.calls),
        errors=tuple(errors),
    )


def _not_found(backfill_id: UUID) -> NotFound:
    return NotFound(f"There is no backfill {backfill_id}.", code="backfill_not_found")
