"""Users in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import users
from auth_service.domain.users import Role, User, normalise_email

_FIRST_USER_LOCK = 0x6669727374  # "first"


class PostgresUsers:
    """See `ports.Users`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, user: User) -> bool:
        statement = (
            insert(users)
            .values(
                id=user.id,
                email=user.email,
                full_name=user.full_name,
                role=user.role.value,
                password_hash=user.password_hash,
                created_at=user.created_at,
                disabled_at=user.disabled_at,
                email_verified_at=user.email_verified_at,
                totp_since=user.totp_since,
            )
            .on_conflict_do_nothing(index_elements=["email"])
            .returning(users.c.id)
        )
        return (await self._session.execute(statement)).first() is not None

    async def by_id(self, user_id: UUID, *, lock: bool = False) -> User | None:
        # Not the strongest lock: rows that point at the user may be added meanwhile, so nobody who holds one of those
        # waits for us while we wait for them.
        query = select(users).where(users.c.id == user_id)
        row = (await self._session.execute(query.with_for_update(key_share=True) if lock else query)).first()
        return _user(row) if row else None

    async def by_email(self, email: str) -> User | None:
        row = (await self._session.execute(select(users).where(users.c.email == email))).first()
        return _user(row) if row else None

    async def save(self, user: User) -> None:
        await self._session.execute(
            update(users)
            .where(users.c.id == user.id)
            .values(
                full_name=user.full_name,
                role=user.role.value,
                password_hash=user.password_hash,
                disabled_at=user.disabled_at,
                email_verified_at=user.email_verified_at,
                totp_since=user.totp_since,
            )
        )

    async def page(self, after: UUID | None, limit: int, search: str | None) -> Sequence[User]:
        query = select(users).order_by(users.c.id).limit(limit)
        if after is not None:
            query = query.where(users.c.id > after)
        if search:
            query = query.where(users.c.email.contains(normalise_email(search), autoescape=True))
        return [_user(row) for row in await self._session.execute(query)]

    async def hold_admins(self) -> Sequence[UUID]:
        query = (
            select(users.c.id)
            .where(users.c.role == Role.ADMIN.value, users.c.disabled_at.is_(None))
            .order_by(users.c.id)
            .with_for_update()
        )
        return (await self._session.execute(query)).scalars().all()

    async def others_than(self, user_id: UUID) -> bool:
        query = select(text("1")).select_from(users).where(users.c.id != user_id).limit(1)
        return (await self._session.execute(query)).first() is not None

    async def remove(self, user_id: UUID) -> None:
        await self._session.execute(delete(users).where(users.c.id == user_id))

    async def claim_first(self) -> bool:
        if await self._any():
            return False
        await self._session.execute(select(func.pg_advisory_xact_lock(_FIRST_USER_LOCK)))
        return not await self._any()

    async def _any(self) -> bool:
        return (await self._session.execute(select(text("1")).select_from(users).limit(1))).first() is not None


def _user(row: Any) -> User:
    return User(
        id=row.id,
        email=row.email,
        full_name=row.full_name,
        role=Role(row.role),
        password_hash=row.password_hash,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        email_verified_at=row.email_verified_at,
        totp_since=row.totp_since,
    )
