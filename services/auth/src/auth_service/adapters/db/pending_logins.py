"""Pending logins in PostgreSQL. Each is consumed by one conditional update, so two redirects cannot both count."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import pending_logins
from auth_service.domain.broker_accounts import PendingLogin
from breezeway.contracts.broker import BrokerEnvironment


class PostgresPendingLogins:
    """See `ports.PendingLogins`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, pending: PendingLogin, nonce_digest: bytes, at: datetime) -> None:
        # The user's own old rows go with every new one, so the table cannot grow beyond the people who log in.
        await self._session.execute(
            delete(pending_logins).where(pending_logins.c.user_id == pending.user_id, pending_logins.c.expires_at <= at)
        )
        await self._session.execute(
            insert(pending_logins).values(
                id=pending.id,
                user_id=pending.user_id,
                account_id=pending.account_id,
                environment=pending.environment.value,
                nonce_digest=nonce_digest,
                created_at=at,
                expires_at=pending.expires_at,
            )
        )

    async def take(self, nonce_digest: bytes, at: datetime) -> PendingLogin | None:
        return await self._take(pending_logins.c.nonce_digest == nonce_digest, at)

    async def take_newest_of(self, user_id: UUID, at: datetime) -> PendingLogin | None:
        newest = (
            select(pending_logins.c.id)
            .where(pending_logins.c.user_id == user_id, *_open(at))
            .order_by(pending_logins.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        return await self._take(pending_logins.c.id == newest, at)

    async def take_only(self, environment: BrokerEnvironment, at: datetime) -> PendingLogin | None:
        # A login URL that was asked for twice for one account is one login to the person who asked.
        query = select(pending_logins.c.account_id, func.max(pending_logins.c.id.cast(Text)).label("newest"))
        rows = (await self._session.execute(query.where(*_open(at)).group_by(pending_logins.c.account_id))).all()
        if len(rows) != 1:
            return None
        return await self._take(
            (pending_logins.c.id == UUID(rows[0].newest)) & (pending_logins.c.environment == environment.value), at
        )

    async def _take(self, condition: ColumnElement[bool], at: datetime) -> PendingLogin | None:
        statement = (
            update(pending_logins)
            .where(condition, *_open(at))
            .values(consumed=True)
            .returning(
                pending_logins.c.id,
                pending_logins.c.user_id,
                pending_logins.c.account_id,
                pending_logins.c.environment,
                pending_logins.c.expires_at,
            )
        )
        row = (await self._session.execute(statement)).first()
        if row is None:
            return None
        # Siblings of a login that has come back are over too: nobody is at that page any more.
        await self._session.execute(
            update(pending_logins).where(pending_logins.c.account_id == row.account_id).values(consumed=True)
        )
        return _pending(row)


def _open(at: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return pending_logins.c.consumed.is_(False), pending_logins.c.expires_at > at


def _pending(row: Any) -> PendingLogin:
    return PendingLogin(
        id=row.id,
        user_id=row.user_id,
        account_id=row.account_id,
        environment=BrokerEnvironment(row.environment),
        expires_at=row.expires_at,
    )
