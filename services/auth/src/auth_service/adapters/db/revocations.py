"""Revocations that have not been delivered yet."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import revocations
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.ids import new_id


class PostgresRevocations:
    """See `ports.Revocations`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, revoked: CredentialsRevoked) -> None:
        await self._session.execute(
            insert(revocations).values(
                id=new_id(),
                user_id=revoked.user_id,
                session_id=revoked.session_id,
                at=datetime.fromtimestamp(revoked.at, UTC),
            )
        )

    async def take(self, limit: int) -> Sequence[CredentialsRevoked]:
        oldest = select(revocations.c.id).order_by(revocations.c.id).limit(limit).with_for_update(skip_locked=True)
        taken = delete(revocations).where(revocations.c.id.in_(oldest.scalar_subquery())).returning(revocations)
        return [
            CredentialsRevoked(user_id=row.user_id, session_id=row.session_id, at=int(row.at.timestamp()))
            for row in await self._session.execute(taken)
        ]
