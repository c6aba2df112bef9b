"""Chunks as workers see them: leased with `SKIP LOCKED`, and written back only by whoever holds the lease.

All times are PostgreSQL's own, so workers with skewed clocks agree about who holds what.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from breezeway.clock import IST
from breezeway.contracts.instruments import Instrument
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.intervals import Interval
from market_data_service.adapters.db.backfills import load, settle
from market_data_service.adapters.db.candle_blocks import write_days
from market_data_service.adapters.db.raw import raw_connection
from market_data_service.adapters.db.tables import (
    backfill_chunks,
    backfill_symbols,
    backfills,
    candle_blocks,
    candle_coverage,
)
from market_data_service.application.ports import DayResult
from market_data_service.domain.backfill import WORKABLE, Backfill, BackfillState, Chunk
from market_data_service.domain.coverage import CoverageState

_c = backfill_chunks.c
_WORKABLE = [state.value for state in WORKABLE]
_DUE = sa.and_(
    backfills.c.state.in_(_WORKABLE),
    sa.or_(
        sa.and_(_c.state == "pending", _c.not_before <= sa.func.now()),
        sa.and_(_c.state == "leased", _c.lease_until < sa.func.now()),
    ),
)


class PostgresChunkStore:
    """`ChunkStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def claim(self, owner: str, lease_seconds: float) -> Chunk | None:
        due = (
            sa.select(_c.id)
            .join(backfills, backfills.c.id == _c.backfill_id)
            .where(_DUE)
            .order_by(_c.id)
            .limit(1)
            .with_for_update(of=backfill_chunks, skip_locked=True)
            .scalar_subquery()
        )
        take = (
            sa.update(backfill_chunks)
            .where(
                _c.id == due,
                backfills.c.id == _c.backfill_id,
                backfill_symbols.c.backfill_id == _c.backfill_id,
                backfill_symbols.c.symbol == _c.symbol,
            )
            .values(
                # A chunk that is still marked as leased was lost by its worker, which counts as an attempt: one that
                # kills its workers must end somewhere.
                attempts=_c.attempts + sa.case((_c.state == "leased", 1), else_=0),
                state="leased",
                lease_owner=owner,
                lease_until=_from_now(lease_seconds),
                updated_at=sa.func.now(),
            )
            .returning(
                *(_c.id, _c.backfill_id, _c.starts_at, _c.ends_at, _c.attempts),
                *(backfills.c.user_id, backfills.c.interval, backfills.c.state, backfill_symbols.c.instrument),
            )
        )
        async with UnitOfWork(self._engine) as work:
            row = (await work.session.execute(take)).one_or_none()
            if row is None:
                return None
            if row.state == BackfillState.QUEUED.value:
                await work.session.execute(
                    sa.update(backfills)
                    .where(backfills.c.id == row.backfill_id, backfills.c.state == BackfillState.QUEUED.value)
                    .values(state=BackfillState.RUNNING.value, started_at=sa.func.now())
                )
            await work.commit()
        return Chunk(
            id=row.id,
            backfill_id=row.backfill_id,
            user_id=row.user_id,
            instrument=Instrument.model_validate(row.instrument),
            interval=Interval(row.interval),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            attempts=row.attempts,
            lease=owner,
        )

    async def renew(self, chunk: Chunk, lease_seconds: float) -> bool:
        async with UnitOfWork(self._engine) as work:
            held = await _update_held(work.session, chunk, lease_until=_from_now(lease_seconds))
            await work.commit()
        return held

    async def complete(self, chunk: Chunk, days: Sequence[DayResult], *, calls: int, source: str) -> bool:
        async with UnitOfWork(self._engine) as work:
            session = work.session
            await _lock_backfill(session, chunk.backfill_id)
            parts = [result.bars for result in days if result.bars is not None]
            held = await _update_held(
                session,
                chunk,
                state="done",
                lease_owner=None,
                lease_until=None,
                calls_used=_c.calls_used + calls,
                candles_written=sum(len(part.candles) for part in parts),
                error_code=None,
                error_detail=None,
            )
            if not held:
                return False
            symbol = chunk.instrument.symbol
            stored = await write_days(session, symbol, chunk.interval, parts, source)
            if unwritten := [result.day for result in days if result.day not in stored]:
                stored |= await _stored_bars(session, symbol, chunk.interval, unwritten)
            in_work = await _is_day_in_work(session, chunk)
            await _cover(session, chunk, days, stored, in_work=in_work)
            await settle(session, chunk.backfill_id)
            await work.commit()
        return True

    async def postpone(
        self, chunk: Chunk, *, seconds: float, code: str, detail: str, calls: int, counts: bool, whole_user: bool
    ) -> bool:
        async with UnitOfWork(self._engine) as work:
            held = await _update_held(
                work.session,
                chunk,
                state="pending",
                lease_owner=None,
                lease_until=None,
                not_before=_from_now(seconds),
                attempts=chunk.attempts + int(counts),
                calls_used=_c.calls_used + calls,
                error_code=code,
                error_detail=detail[:500],
            )
            if held and whole_user:
                await _postpone_user(work.session, chunk.user_id, seconds)
            await work.commit()
        return held

    async def give_up(self, chunk: Chunk, days: Sequence[DayResult], *, code: str, detail: str, calls: int) -> bool:
        async with UnitOfWork(self._engine) as work:
            session = work.session
            await _lock_backfill(session, chunk.backfill_id)
            held = await _update_held(
                session,
                chunk,
                state="failed",
                lease_owner=None,
                lease_until=None,
                attempts=chunk.attempts + 1,
                calls_used=_c.calls_used + calls,
                error_code=code,
                error_detail=detail[:500],
            )
            if not held:
                return False
            stored = await _stored_bars(
                session, chunk.instrument.symbol, chunk.interval, [result.day for result in days]
            )
            await _cover(session, chunk, days, stored, in_work=False)
            await settle(session, chunk.backfill_id)
            await work.commit()
        return True

    async def due(self) -> tuple[int, int]:
        waiting = sa.select(_c.id).join(backfills, backfills.c.id == _c.backfill_id).where(_DUE).limit(100)
        query = sa.select(
            sa.select(sa.func.count()).select_from(waiting.subquery()).scalar_subquery(),
            sa.select(sa.func.count()).where(_c.state == "leased", _c.lease_until >= sa.func.now()).scalar_subquery(),
        )
        async with UnitOfWork(self._engine) as work:
            due, at_work = (await work.session.execute(query)).one()
        return due, at_work

    async def next_due(self) -> float | None:
        query = (
            sa.select(sa.extract("epoch", sa.func.min(_c.not_before) - sa.func.now()))
            .join(backfills, backfills.c.id == _c.backfill_id)
            .where(_c.state == "pending", backfills.c.state.in_(_WORKABLE))
        )
        async with UnitOfWork(self._engine) as work:
            found = await work.session.scalar(query)
        # Rounded up a little: waking a moment too early finds nothing.
        return None if found is None else max(0.01, float(found) + 0.005)

    async def is_workable(self, backfill_id: UUID) -> bool:
        async with raw_connection(self._engine) as connection:
            state = await connection.fetchval("SELECT state FROM backfills WHERE id = $1", backfill_id)
        return state in _WORKABLE

    async def progress(self, backfill_id: UUID) -> Backfill:
        async with UnitOfWork(self._engine) as work:
            return await load(work.session, backfill_id)


async def _is_day_in_work(session: AsyncSession, chunk: Chunk) -> bool:
    """Whether other parts of the chunk's day are still to come; only seconds take several calls a day."""
    if chunk.interval is not Interval.SECOND_1:
        return False
    midnight = chunk.starts_at.astimezone(IST).replace(hour=0, minute=0, second=0)
    found = await session.scalar(
        sa.select(sa.literal(1))
        .where(
            _c.backfill_id == chunk.backfill_id,
            _c.symbol == chunk.instrument.symbol,
            _c.state != "done",
            _c.starts_at >= midnight,
            _c.starts_at < midnight + timedelta(days=1),
        )
        .limit(1)
    )
    return found is not None


async def _stored_bars(session: AsyncSession, symbol: str, interval: Interval, days: Sequence[date]) -> dict[date, int]:
    b = candle_blocks.c
    rows = await session.execute(
        sa.select(b.day, b.bars).where(b.symbol == symbol, b.interval == interval.value, b.day.in_(days))
    )
    return {row.day: row.bars for row in rows}


def _cover_statement() -> Insert:
    statement = insert(candle_coverage)
    excluded = statement.excluded
    # Silence or failure upstream must not make us forget that a day is complete.
    proven = sa.and_(
        excluded.state != CoverageState.UPSTREAM_NONE.value, excluded.state != CoverageState.UPSTREAM_FAILED.value
    )
    return statement.on_conflict_do_update(
        index_elements=["symbol", "interval", "day"],
        set_={
            "state": excluded.state,
            "reason": excluded.reason,
            "bars": excluded.bars,
            "expected": excluded.expected,
            "updated_at": sa.func.now(),
        },
        where=sa.or_(proven, candle_coverage.c.state != CoverageState.COMPLETE.value),
    )


_COVER: Final = _cover_statement()
"""Made once: SQLAlchemy takes as long to make it as PostgreSQL to do it, and a backfill does little else."""


async def _cover(
    session: AsyncSession, chunk: Chunk, results: Sequence[DayResult], stored: Mapping[date, int], *, in_work: bool
) -> None:
    """Record what is known of each day now that `stored` bars of it are there."""
    if not results:
        return
    rows = [_coverage(chunk, result, stored.get(result.day, 0), in_work=in_work) for result in results]
    await session.execute(_COVER, rows)


def _coverage(chunk: Chunk, result: DayResult, stored: int, *, in_work: bool) -> dict[str, object]:
    state, reason = result.state, result.reason
    if in_work:
        state, reason = CoverageState.PARTIAL, "in_work"
    elif chunk.interval is Interval.SECOND_1 and state is CoverageState.UPSTREAM_NONE and stored:
        # Only this part of the day had no trades.
        state, reason = CoverageState.COMPLETE, None
    return {
        "symbol": chunk.instrument.symbol,
        "interval": chunk.interval.value,
        "day": result.day,
        "state": state.value,
        "reason": reason,
        "bars": stored,
        "expected": result.expected,
    }


async def _postpone_user(session: AsyncSession, user_id: UUID, seconds: float) -> None:
    waiting = (
        sa.select(_c.id)
        .join(backfills, backfills.c.id == _c.backfill_id)
        .where(
            backfills.c.user_id == user_id,
            backfills.c.state.in_(_WORKABLE),
            _c.state == "pending",
            _c.not_before < _from_now(seconds),
        )
        .order_by(_c.id)
        # What another worker holds at this moment it will postpone itself; waiting for it could deadlock.
        .with_for_update(of=backfill_chunks, skip_locked=True)
    )
    await session.execute(sa.update(backfill_chunks).where(_c.id.in_(waiting)).values(not_before=_from_now(seconds)))


async def _lock_backfill(session: AsyncSession, backfill_id: UUID) -> None:
    """Taken before a chunk is ended: of two workers that end the last two chunks, the second must see the first's."""
    await session.execute(
        sa.select(backfills.c.id).where(backfills.c.id == backfill_id).with_for_update(key_share=True)
    )


async def _update_held(session: AsyncSession, chunk: Chunk, **values: object) -> bool:
    """Update the chunk if the lease is still ours; whether it was."""
    done = await session.execute(
        sa.update(backfill_chunks)
        .where(_c.id == chunk.id, _c.state == "leased", _c.lease_owner == chunk.lease)
        .values(**values, updated_at=sa.func.now())
        .returning(_c.id)
    )
    return done.one_or_none() is not None


def _from_now(seconds: float) -> sa.ColumnElement[datetime]:
    return sa.func.now() + timedelta(seconds=seconds)
