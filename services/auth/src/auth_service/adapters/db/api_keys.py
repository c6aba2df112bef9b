"""API keys in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import api_keys
from auth_service.domain.api_keys import ApiKey


class PostgresApiKeys:
    """See `ports.ApiKeyRows`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: ApiKey, digest: bytes) -> None:
        await self._session.execute(
            insert(api_keys).values(
                id=key.id,
                user_id=key.user_id,
                name=key.name,
                digest=digest,
                scopes=list(key.scopes),
                networks=list(key.networks),
                created_at=key.created_at,
                expires_at=key.expires_at,
            )
        )

    async def count(self, user_id: UUID) -> int:
        query = select(func.count()).select_from(api_keys).where(api_keys.c.user_id == user_id)
        return (await self._session.execute(query)).scalar_one()

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[ApiKey]:
        query = select(api_keys).where(api_keys.c.user_id == user_id).order_by(api_keys.c.id).limit(limit)
        if after is not None:
            query = query.where(api_keys.c.id > after)
        return [_key(row) for row in await self._session.execute(query)]

    async def find(self, key_id: UUID) -> tuple[ApiKey, bytes] | None:
        row = (await self._session.execute(select(api_keys).where(api_keys.c.id == key_id))).first()
        return (_key(row), bytes(row.digest)) if row else None

    async def touch(self, key_id: UUID, at: datetime, ip: str | None) -> bool:
        statement = (
            update(api_keys)
            .where(api_keys.c.id == key_id)
            .values(last_used_at=at, last_used_ip=ip)
            .returning(api_keys.c.id)
        )
        return (await self._session.execute(statement)).first() is not None

    async def note_refusal(self, key_id: UUID, at: datetime, unless_since: datetime) -> bool:
        statement = (
            update(api_keys)
            .where(
                api_keys.c.id == key_id,
                or_(api_keys.c.last_refused_at.is_(None), api_keys.c.last_refused_at <= unless_since),
            )
            .values(last_refused_at=at)
            .returning(api_keys.c.id)
        )
        return (await self._session.execute(statement)).first() is not None

    async def remove(self, user_id: UUID, key_id: UUID) -> bool:
        statement = (
            delete(api_keys).where(api_keys.c.id == key_id, api_keys.c.user_id == user_id).returning(api_keys.c.id)
        )
        return (await self._session.execute(statement)).first() is not None


def _key(row: Any) -> ApiKey:
    return ApiKey(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        scopes=tuple(row.scopes),
        networks=tuple(row.networks),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_ip=row.last_used_ip,
    )
