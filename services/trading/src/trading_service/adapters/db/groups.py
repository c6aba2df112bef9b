"""Order groups."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from trading_service.adapters.db.tables import groups, live_gtts
from trading_service.adapters.db.work import PostgresWork
from trading_service.domain.groups import Group, GroupKind, GroupState

_g = groups.c


class PostgresGroups(PostgresWork):
    """The parts of `groups.GroupWork` that know nothing of live GTT."""

    async def add_group(self, group: Group) -> None:
        values = {name: getattr(group, name) for name in Group.__slots__}
        await self.session.execute(sa.insert(groups).values(values))

    async def group_of(self, user_id: UUID, group_id: UUID) -> Group | None:
        query = sa.select(groups).where(_g.id == group_id, _g.user_id == user_id)
        row = (await self.session.execute(query)).one_or_none()
        return None if row is None else _group(row)

    async def groups(self, user_id: UUID, before: UUID | None, limit: int) -> list[Group]:
        query = sa.select(groups).where(_g.user_id == user_id).order_by(_g.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_g.id < before)
        return [_group(row) for row in await self.session.execute(query)]

    async def unfinished_groups(self) -> list[Group]:
        elsewhere = sa.select(live_gtts.c.group_id).where(live_gtts.c.group_id == _g.id)
        # What the broker waits for is not waited for here as well.
        ours = sa.or_(_g.state == "working", sa.and_(_g.state == "waiting", ~elsewhere.exists()))
        query = sa.select(groups).where(ours).order_by(_g.id)
        return [_group(row) for row in await self.session.execute(query)]

    async def move_group(
        self, group_id: UUID, was: GroupState, state: GroupState, body: Mapping[str, Any], text: str | None
    ) -> bool:
        statement = (
            sa.update(groups)
            .where(_g.id == group_id, _g.state == was)
            .values(state=state, body=dict(body), text=text, updated_at=sa.func.now())
            .returning(_g.id)
        )
        return (await self.session.execute(statement)).one_or_none() is not None


def _group(row: "sa.Row[*tuple[Any, ...]]") -> Group:
    values = {name: getattr(row, name) for name in Group.__slots__}
    return Group(**values | {"kind": GroupKind(row.kind), "state": GroupState(row.state)})
