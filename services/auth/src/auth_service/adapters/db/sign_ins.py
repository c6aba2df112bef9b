"""Sign-ins and refresh tokens in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import refresh_tokens, sign_ins, users
from auth_service.domain.sign_ins import EndReason, RefreshToken, SignIn

_COLUMNS = (
    sign_ins.c.id,
    sign_ins.c.user_id,
    sign_ins.c.created_at,
    sign_ins.c.last_used_at,
    sign_ins.c.expires_at,
    sign_ins.c.ip,
    sign_ins.c.user_agent,
)


class PostgresSignIns:
    """See `ports.SignIns`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def start(self, sign_in: SignIn, token: RefreshToken) -> None:
        await self._session.execute(
            insert(sign_ins).values(
                id=sign_in.id,
                user_id=sign_in.user_id,
                created_at=sign_in.created_at,
                last_used_at=sign_in.last_used_at,
                expires_at=sign_in.expires_at,
                ip=sign_in.ip,
                user_agent=sign_in.user_agent,
            )
        )
        await self.issue(token)

    async def spend(self, digest: bytes, at: datetime) -> UUID | None:
        # One statement decides who of many comes first; looking before updating would let two of them through.
        statement = (
            update(refresh_tokens)
            .where(
                refresh_tokens.c.digest == digest,
                refresh_tokens.c.used_at.is_(None),
                refresh_tokens.c.expires_at > at,
            )
            .values(used_at=at)
            .returning(refresh_tokens.c.sign_in_id)
        )
        spent: UUID | None = (await self._session.execute(statement)).scalar_one_or_none()
        return spent

    async def touch(self, sign_in_id: UUID, at: datetime) -> SignIn | None:
        statement = (
            update(sign_ins)
            .where(sign_ins.c.id == sign_in_id, sign_ins.c.ended_at.is_(None), sign_ins.c.expires_at > at)
            .values(last_used_at=at)
            .returning(*_COLUMNS)
        )
        row = (await self._session.execute(statement)).first()
        return _sign_in(row) if row else None

    async def issue(self, token: RefreshToken) -> None:
        await self._session.execute(
            insert(refresh_tokens).values(
                id=token.id,
                sign_in_id=token.sign_in_id,
                digest=token.digest,
                issued_at=token.issued_at,
                expires_at=token.expires_at,
            )
        )

    async def owner_of(self, digest: bytes, *, spent_only: bool = False) -> SignIn | None:
        query = (
            select(*_COLUMNS)
            .join(refresh_tokens, refresh_tokens.c.sign_in_id == sign_ins.c.id)
            .where(refresh_tokens.c.digest == digest)
        )
        if spent_only:
            query = query.where(refresh_tokens.c.used_at.is_not(None))
        row = (await self._session.execute(query)).first()
        return _sign_in(row) if row else None

    async def end(self, sign_in_id: UUID, user_id: UUID, reason: EndReason, at: datetime) -> bool:
        statement = (
            update(sign_ins)
            .where(sign_ins.c.id == sign_in_id, sign_ins.c.user_id == user_id, sign_ins.c.ended_at.is_(None))
            .values(ended_at=at, end_reason=reason.value)
            .returning(sign_ins.c.id)
        )
        return (await self._session.execute(statement)).first() is not None

    async def end_all(
        self, user_id: UUID, reason: EndReason, at: datetime, *, keep: UUID | None = None
    ) -> Sequence[UUID]:
        statement = update(sign_ins).where(sign_ins.c.user_id == user_id, sign_ins.c.ended_at.is_(None))
        if keep is not None:
            statement = statement.where(sign_ins.c.id != keep)
        ended = statement.values(ended_at=at, end_reason=reason.value).returning(sign_ins.c.id)
        return [row.id for row in await self._session.execute(ended)]

    async def end_surplus(self, user_id: UUID, allowed: int, at: datetime) -> Sequence[UUID]:
        surplus = (
            select(sign_ins.c.id)
            .where(sign_ins.c.user_id == user_id, sign_ins.c.ended_at.is_(None), sign_ins.c.expires_at > at)
            .order_by(sign_ins.c.last_used_at.desc(), sign_ins.c.id.desc())
            .offset(allowed)
        )
        statement = (
            update(sign_ins)
            .where(sign_ins.c.id.in_(surplus))
            .values(ended_at=at, end_reason=EndReason.TOO_MANY.value)
            .returning(sign_ins.c.id)
        )
        return [row.id for row in await self._session.execute(statement)]

    async def seen_from(self, email: str, ip: str, since: datetime) -> bool:
        query = (
            select(sign_ins.c.id)
            .join(users, users.c.id == sign_ins.c.user_id)
            .where(users.c.email == email, sign_ins.c.ip == ip, sign_ins.c.created_at > since)
            .limit(1)
        )
        return (await self._session.execute(query)).first() is not None

    async def forget(self, over_before: datetime, limit: int) -> int:
        over = (
            select(sign_ins.c.id)
            .where(func.coalesce(sign_ins.c.ended_at, sign_ins.c.expires_at) < over_before)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        statement = delete(sign_ins).where(sign_ins.c.id.in_(over)).returning(sign_ins.c.id)
        return len((await self._session.execute(statement)).all())

    async def open_ones(self, user_id: UUID, at: datetime, after: UUID | None, limit: int) -> Sequence[SignIn]:
        query = (
            select(*_COLUMNS)
            .where(sign_ins.c.user_id == user_id, sign_ins.c.ended_at.is_(None), sign_ins.c.expires_at > at)
            .order_by(sign_ins.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(sign_ins.c.id > after)
        return [_sign_in(row) for row in await self._session.execute(query)]


def _sign_in(row: Any) -> SignIn:
    return SignIn(
        id=row.id,
        user_id=row.user_id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        ip=row.ip,
        user_agent=row.user_agent,
    )
