"""The audit log in PostgreSQL: appended under a lock, because a chain has one end."""

from collections.abc import Sequence

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import audit_events
from auth_service.domain.audit import GENESIS, AuditEntry, AuditEvent, chained_hash

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
                event=entry.event.value,
                user_id=entry.user_id,
                ip=entry.ip,
                detail=dict(entry.detail),
                hash=previous,
            )
        )


async def first_broken(session: AsyncSession) -> int | None:
    """The `seq` of the first entry that does not follow from the one before it; None when the chain is whole."""
    previous = GENESIS
    rows = await session.stream(select(audit_events).order_by(audit_events.c.seq))
    async for row in rows:
        entry = AuditEntry(
            id=row.id, at=row.at, event=AuditEvent(row.event), user_id=row.user_id, ip=row.ip, detail=row.detail
        )
        previous = chained_hash(previous, entry)
        if previous != row.hash:
            return int(row.seq)
    return None
