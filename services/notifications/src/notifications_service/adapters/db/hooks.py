"""Rows of hooks and of the alerts that came in by them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from breezeway.db.unit_of_work import UnitOfWork
from notifications_service.adapters.db.tables import hook_calls, hooks
from notifications_service.domain.model import CallState, Hook, HookCall

_h, _c = hooks.c, hook_calls.c


class HookRows(UnitOfWork):
    """See `ports.Work`."""

    async def hooks(self, user_id: UUID) -> Sequence[Hook]:
        query = sa.select(hooks).where(_h.user_id == user_id).order_by(_h.id)
        return [Hook(**row._mapping) for row in await self.session.execute(query)]

    async def hook(self, hook_id: UUID, *, lock: bool = False) -> Hook | None:
        query = sa.select(hooks).where(_h.id == hook_id)
        row = (await self.session.execute(query.with_for_update() if lock else query)).first()
        return None if row is None else Hook(**row._mapping)

    async def save_hook(self, hook: Hook) -> None:
        values = {name: getattr(hook, name) for name in hook.__slots__} | {"template": dict(hook.template)}
        rest = {name: value for name, value in values.items() if name != "id"}
        statement = insert(hooks).values(values).on_conflict_do_update(index_elements=["id"], set_=rest)
        await self.session.execute(statement)

    async def remove_hook(self, user_id: UUID, hook_id: UUID) -> bool:
        gone = sa.delete(hooks).where(_h.id == hook_id, _h.user_id == user_id).returning(_h.id)
        return (await self.session.execute(gone)).one_or_none() is not None

    async def hook_call(self, hook_id: UUID, key: str, since: datetime) -> HookCall | None:
        query = sa.select(hook_calls).where(_c.hook_id == hook_id, _c.key == key, _c.received_at > since)
        row = (await self.session.execute(query.order_by(_c.received_at.desc()).limit(1))).first()
        return None if row is None else _call(row)

    async def count_hook_calls(self, hook_id: UUID, since: datetime) -> int:
        where = (_c.hook_id == hook_id, _c.received_at > since)
        query = sa.select(sa.func.count()).select_from(hook_calls).where(*where)
        return int((await self.session.execute(query)).scalar_one())

    async def add_hook_call(self, call: HookCall) -> None:
        values = {name: getattr(call, name) for name in call.__slots__}
        await self.session.execute(sa.insert(hook_calls).values(values | {"body": dict(call.body)}))

    async def settle_hook_call(
        self, call_id: UUID, state: CallState, *, order_id: UUID | None, code: str | None, detail: str | None
    ) -> None:
        values = {"state": state.value, "order_id": order_id, "code": code, "detail": detail}
        await self.session.execute(sa.update(hook_calls).where(_c.id == call_id).values(values))

    async def hook_calls(self, hook_id: UUID, *, after: UUID | None, limit: int) -> Sequence[HookCall]:
        query = sa.select(hook_calls).where(_c.hook_id == hook_id)
        if after is not None:
            query = query.where(_c.id < after)
        return [_call(row) for row in await self.session.execute(query.order_by(_c.id.desc()).limit(limit))]


def _call(row: Any) -> HookCall:
    return HookCall(**dict(row._mapping) | {"state": CallState(row.state)})
