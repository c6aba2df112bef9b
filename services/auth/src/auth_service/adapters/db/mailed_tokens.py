"""Single-use tokens of mails in PostgreSQL."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import mailed_tokens
from auth_service.domain.mailed_tokens import MailedToken, TokenPurpose


class PostgresMailedTokens:
    """See `ports.MailedTokens`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, token: MailedToken) -> None:
        await self._session.execute(
            insert(mailed_tokens).values(
                id=token.id,
                user_id=token.user_id,
                purpose=token.purpose.value,
                digest=token.digest,
                issued_at=token.issued_at,
                expires_at=token.expires_at,
            )
        )

    async def owner_of(self, digest: bytes, purpose: TokenPurpose, at: datetime) -> UUID | None:
        query = select(mailed_tokens.c.user_id).where(*_usable(digest, purpose, at))
        owner: UUID | None = (await self._session.execute(query)).scalar_one_or_none()
        return owner

    async def spend(self, digest: bytes, purpose: TokenPurpose, at: datetime) -> UUID | None:
        statement = (
            update(mailed_tokens)
            .where(*_usable(digest, purpose, at))
            .values(used_at=at)
            .returning(mailed_tokens.c.user_id)
        )
        owner: UUID | None = (await self._session.execute(statement)).scalar_one_or_none()
        return owner

    async def void(self, user_id: UUID, purpose: TokenPurpose) -> None:
        await self._session.execute(
            delete(mailed_tokens).where(mailed_tokens.c.user_id == user_id, mailed_tokens.c.purpose == purpose.value)
        )

    async def forget(self, expired_before: datetime) -> int:
        statement = (
            delete(mailed_tokens).where(mailed_tokens.c.expires_at < expired_before).returning(mailed_tokens.c.id)
        )
        return len((await self._session.execute(statement)).all())


def _usable(digest: bytes, purpose: TokenPurpose, at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        mailed_tokens.c.digest == digest,
        mailed_tokens.c.purpose == purpose.value,
        mailed_tokens.c.used_at.is_(None),
        mailed_tokens.c.expires_at > at,
    )
