"""Second factors in PostgreSQL: the seed sealed by the vault, everything that works once decided by one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import recovery_codes, second_factor_tries, totp_factors
from auth_service.adapters.vault import Place, Vault
from breezeway.ids import new_id


class PostgresSecondFactors:
    """See `ports.SecondFactors`."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def put(self, user_id: UUID, seed: str, at: datetime) -> None:
        values = {"seed_sealed": self._vault.seal(seed, _place(user_id)), "created_at": at, "last_step": 0}
        await self._session.execute(
            upsert(totp_factors)
            .values(user_id=user_id, **values)
            .on_conflict_do_update(index_elements=["user_id"], set_=values)
        )

    async def seed(self, user_id: UUID) -> str | None:
        query = select(totp_factors.c.seed_sealed).where(totp_factors.c.user_id == user_id)
        sealed = (await self._session.execute(query)).scalar_one_or_none()
        return None if sealed is None else self._vault.open(sealed, _place(user_id))

    async def spend_step(self, user_id: UUID, step: int) -> bool:
        statement = (
            update(totp_factors)
            .where(totp_factors.c.user_id == user_id, totp_factors.c.last_step < step)
            .values(last_step=step)
            .returning(totp_factors.c.user_id)
        )
        return (await self._session.execute(statement)).first() is not None

    async def remove(self, user_id: UUID) -> None:
        await self._session.execute(delete(totp_factors).where(totp_factors.c.user_id == user_id))
        await self._session.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))

    async def replace_recovery_codes(self, user_id: UUID, digests: Sequence[bytes]) -> None:
        await self._session.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
        await self._session.execute(
            insert(recovery_codes), [{"user_id": user_id, "digest": digest} for digest in digests]
        )

    async def spend_recovery_code(self, user_id: UUID, digest: bytes, at: datetime) -> bool:
        statement = (
            update(recovery_codes)
            .where(
                recovery_codes.c.user_id == user_id,
                recovery_codes.c.digest == digest,
                recovery_codes.c.used_at.is_(None),
            )
            .values(used_at=at)
            .returning(recovery_codes.c.user_id)
        )
        return (await self._session.execute(statement)).first() is not None

    async def recovery_codes_left(self, user_id: UUID) -> int:
        query = (
            select(func.count())
            .select_from(recovery_codes)
            .where(recovery_codes.c.user_id == user_id, recovery_codes.c.used_at.is_(None))
        )
        return (await self._session.execute(query)).scalar_one()

    async def tries_since(self, user_id: UUID, since: datetime) -> Sequence[datetime]:
        query = (
            select(second_factor_tries.c.at)
            .where(second_factor_tries.c.user_id == user_id, second_factor_tries.c.at > since)
            .order_by(second_factor_tries.c.at)
        )
        return (await self._session.execute(query)).scalars().all()

    async def add_try(self, user_id: UUID, at: datetime) -> UUID:
        made = new_id()
        await self._session.execute(insert(second_factor_tries).values(id=made, user_id=user_id, at=at))
        return made

    async def take_back_try(self, try_id: UUID) -> None:
        await self._session.execute(delete(second_factor_tries).where(second_factor_tries.c.id == try_id))

    async def forget_tries(self, before: datetime) -> int:
        statement = delete(second_factor_tries).where(second_factor_tries.c.at < before)
        return len((await self._session.execute(statement.returning(second_factor_tries.c.id))).all())


def _place(user_id: UUID) -> Place:
    return Place("totp_factors", "seed_sealed", str(user_id))
