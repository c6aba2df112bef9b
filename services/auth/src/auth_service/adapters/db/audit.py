"""The audit log in PostgreSQL: appended under a lock, because a chain has one end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import audit_events
from auth_service.domain.audit import GENESIS, AuditEntry, ChainLink, chained_hash

_CHAIN_LOCK = 0x6175646974  # "audit"


async def append(session: AsyncSession, entries: Sequence[AuditEntry]) -> None:
    """Append `entries` in order. The lock lasts until the transaction ends, so this comes last in it."""
    await session.execute(select(func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    newest = select(audit_events.c.hash).order_by(audit_events.c.seq.desc()).limit(1)
    previous = (await session.execute(newest)).scalar_one_or_none() or GENESIS
    for entry in entries:
        previous = chained_hash(previous, entry)
        await session.execute(
            insert(audit_events).values(
                id=entry.id,
                at=entry.at,
                event=str(entry.event),
                user_id=entry.user_id,
                ip=entry.ip,
                detail=dict(entry.detail),
                hash=previous,
            )
        )


async def page(
    session: AsyncSession,
    user_id: UUID | None,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    after: UUID | None,
    limit: int,
) -> Sequence[AuditEntry]:
    """Entries, newest first, that are older than the entry `after`."""
    query = select(audit_events).order_by(audit_events.c.seq.desc()).limit(limit)
    if user_id is not None:
        query = query.where(audit_events.c.user_id == user_id)
    if kind is not None:
        query = query.where(
            or_(audit_events.c.event == kind, audit_events.c.event.startswith(f"{kind}.", autoescape=True))
        )
    if since is not None:
        query = query.where(audit_events.c.at >= since)
    if until is not None:
        query = query.where(audit_events.c.at < until)
    if after is not None:
        # By its place in the chain, not by id: ids are made by many processes, places are given by one.
        place = select(audit_events.c.seq).where(audit_events.c.id == after).scalar_subquery()
        query = query.where(audit_events.c.seq < place)
    return [_entry(row) for row in await session.execute(query)]


async def chain(session: AsyncSession, after: int, limit: int) -> Sequence[ChainLink]:
    """Entries in the order of the chain, from behind the place `after`."""
    query = select(audit_events).where(audit_events.c.seq > after).order_by(audit_events.c.seq).limit(limit)
    return [ChainLink(row.seq, _entry(row), bytes(row.hash)) for row in await session.execute(query)]


async def is_final(session: AsyncSession) -> bool:
    """Whether the trigger that refuses every change is there and switched on."""
    guarded = "SELECT 1 FROM pg_trigger WHERE tgname = 'audit_events_are_final' AND tgrelid = 'audit_events'::regclass"
    return (await session.execute(text(f"{guarded} AND tgenabled IN ('O', 'A')"))).first() is not None


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(id=row.id, at=row.at, event=row.event, user_id=row.user_id, ip=row.ip, detail=row.detail)
