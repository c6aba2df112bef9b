"""Preferences in PostgreSQL. Values are text: JSONB knows no NUL and would give the keys another order."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import user_preferences
from auth_service.domain.preferences import Preference


class PostgresPreferences:
    """See `ports.PreferenceRows`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all_of(self, user_id: UUID) -> Sequence[Preference]:
        query = select(user_preferences).where(user_preferences.c.user_id == user_id).order_by(user_preferences.c.key)
        return [_preference(row) for row in await self._session.execute(query)]

    async def count(self, user_id: UUID) -> int:
        query = select(func.count()).select_from(user_preferences).where(user_preferences.c.user_id == user_id)
        return (await self._session.execute(query)).scalar_one()

    async def get(self, user_id: UUID, key: str) -> Preference | None:
        query = select(user_preferences).where(user_preferences.c.user_id == user_id, user_preferences.c.key == key)
        row = (await self._session.execute(query)).first()
        return _preference(row) if row else None

    async def put(self, user_id: UUID, preference: Preference) -> None:
        values = {"value": preference.text, "updated_at": preference.updated_at}
        await self._session.execute(
            insert(user_preferences)
            .values(user_id=user_id, key=preference.key, **values)
            .on_conflict_do_update(index_elements=["user_id", "key"], set_=values)
        )

    async def remove(self, user_id: UUID, key: str) -> None:
        await self._session.execute(
            delete(user_preferences).where(user_preferences.c.user_id == user_id, user_preferences.c.key == key)
        )


def _preference(row: Any) -> Preference:
    return Preference(key=row.key, text=row.value, updated_at=row.updated_at)
