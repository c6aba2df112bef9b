"""The outbox of the users' channels, and idempotency keys."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from breezeway.contracts.events import Event
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import InvalidInput
from breezeway.observability import tracing
from breezeway.outbox.table import put
from trading_service.adapters.db.many import any_of
from trading_service.adapters.db.tables import events, fences, idempotency, outbox
from trading_service.application.ports import KeptAnswer

_i = idempotency.c
_ANSWERS: Final = sa.select(_i.user_id, _i.key, _i.fingerprint, _i.answer).where(
    _i.user_id == any_of("users", sa.Uuid()),
    _i.route == sa.bindparam("route"),
    _i.key == any_of("keys", sa.Text()),
)
_NAMES: Final = UUID("6d0f7a1c-2f0b-4f5e-9f83-0a6f2b1f5c11")
_WAITING: Final = (
    sa.select(outbox)
    # A subquery, because PostgreSQL hashes it; an array it would go through for every row.
    .where(outbox.c.id.not_in(sa.select(sa.func.unnest(sa.bindparam("besides", type_=ARRAY(sa.BigInteger()))))))
    .order_by(outbox.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer()))
)
_SENT: Final = sa.delete(outbox).where(outbox.c.id == any_of("numbers", sa.BigInteger()))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that has not left yet."""

    id: int
    name: UUID
    """The same whoever reads it; another one than that of any message under this number in a restored database."""
    user_id: UUID
    message: Mapping[str, Any]


class MessageRows(UnitOfWork):
    """Each method runs in the transaction of the unit of work."""

    async def tell(self, user_id: UUID, message: Mapping[str, Any]) -> None:
        await self.session.execute(sa.insert(outbox).values(user_id=user_id, message=dict(tracing.stamped(message))))

    async def announce(self, event: Event) -> None:
        await put(self.session, events, event)

    async def waiting(self, limit: int, besides: Collection[int] = ()) -> list[Waiting]:
        """Oldest first, without those of the numbers `besides`."""
        # Not "after the last number": a transaction with a lower one may have committed later.
        rows = await self.session.execute(_WAITING, {"besides": list(besides), "limit": limit})
        return [Waiting(row.id, _name(row.id, row.created_at), row.user_id, row.message) for row in rows]

    async def sent(self, numbers: list[int]) -> None:
        await self.session.execute(_SENT, {"numbers": numbers})

    async def claim(self, user_id: UUID, route: str, key: str, fingerprint: str) -> Any | None:
        values = {"user_id": user_id, "route": route, "key": key, "fingerprint": fingerprint}
        # Another request that holds the key makes this one wait until its transaction has ended.
        mine = insert(idempotency).values(values).on_conflict_do_nothing().returning(_i.key)
        if (await self.session.execute(mine)).one_or_none() is not None:
            return None
        query = sa.select(_i.fingerprint, _i.answer).where(_i.user_id == user_id, _i.route == route, _i.key == key)
        row = (await self.session.execute(query)).one()
        if row.fingerprint != fingerprint:
            raise InvalidInput("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
        return row.answer

    async def unclaim(self, user_id: UUID, route: str, key: str) -> None:
        where = (_i.user_id == user_id, _i.route == route, _i.key == key)
        await self.session.execute(sa.delete(idempotency).where(*where))

    async def answers(self, route: str, names: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], KeptAnswer]:
        values = {"route": route, "users": [user_id for user_id, _ in names], "keys": [key for _, key in names]}
        rows = await self.session.execute(_ANSWERS, values)
        wanted = set(names)
        return {
            (row.user_id, row.key): KeptAnswer(route, row.key, row.fingerprint, row.answer)
            for row in rows
            if (row.user_id, row.key) in wanted
        }

    async def keep_answer(self, user_id: UUID, route: str, key: str, answer: Any) -> None:
        where = (_i.user_id == user_id, _i.route == route, _i.key == key)
        await self.session.execute(sa.update(idempotency).where(*where).values(answer=answer))

    async def take_fence(self) -> int:
        """The next fencing token: whoever holds an older one can write no fill any more."""
        statement = sa.update(fences).values(fence=fences.c.fence + 1).returning(fences.c.fence)
        return int((await self.session.execute(statement)).scalar_one())

    async def holds_fence(self, fence: int) -> bool:
        """Whether `fence` is the newest token; it stays so until this transaction has ended."""
        query = sa.select(fences.c.fence).where(fences.c.fence == fence).with_for_update(read=True)
        return (await self.session.execute(query)).one_or_none() is not None


def _name(number: int, created_at: datetime) -> UUID:
    return uuid5(_NAMES, f"{number} {created_at.timestamp()!r}")
