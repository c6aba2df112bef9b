"""Live accounts' GTT."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from breezeway.exchange.orders import Product, Side
from trading_service.adapters.db.groups import PostgresGroups
from trading_service.adapters.db.live import PostgresLive
from trading_service.adapters.db.tables import GTT_WAITING, live_gtts
from trading_service.domain.gtt import GttStatus, LiveGtt, gtt_json, history_of, legs_of, wish_of

_g = live_gtts.c
_PLAIN: Final = tuple(name for name in LiveGtt.__slots__ if name not in ("legs", "history", "wish"))


class PostgresGtts(PostgresLive, PostgresGroups):
    """Implements `gtt_ports.GttWork` and `groups.GroupWork`."""

    async def add_gtt(self, gtt: LiveGtt) -> None:
        await self.session.execute(sa.insert(live_gtts).values(_values(gtt)))

    async def lock_gtt(self, group_id: UUID) -> LiveGtt | None:
        query = sa.select(live_gtts).where(_g.group_id == group_id).with_for_update()
        row = (await self.session.execute(query)).one_or_none()
        return None if row is None else _gtt(row)

    async def save_gtt(self, gtt: LiveGtt) -> None:
        await self.session.execute(sa.update(live_gtts).where(_g.group_id == gtt.group_id).values(_values(gtt)))

    async def waiting_gtts(self) -> list[LiveGtt]:
        query = sa.select(live_gtts).where(GTT_WAITING).order_by(_g.group_id)
        return [_gtt(row) for row in await self.session.execute(query)]

    async def gtts_of(self, groups: Collection[UUID]) -> dict[UUID, LiveGtt]:
        query = sa.select(live_gtts).where(_g.group_id.in_(groups))
        return {row.group_id: _gtt(row) for row in await self.session.execute(query)}

    async def gtt_numbers(self, broker_account_id: UUID, numbers: Collection[str]) -> set[str]:
        query = sa.select(_g.broker_gtt_id).where(
            _g.broker_account_id == broker_account_id, _g.broker_gtt_id.in_(numbers)
        )
        return set((await self.session.execute(query)).scalars())


def _values(gtt: LiveGtt) -> dict[str, Any]:
    return {name: getattr(gtt, name) for name in _PLAIN} | gtt_json(gtt)


def _gtt(row: "sa.Row[*tuple[Any, ...]]") -> LiveGtt:
    values = {name: getattr(row, name) for name in _PLAIN}
    parts = {
        "side": Side(row.side),
        "product": Product(row.product),
        "status": GttStatus(row.status),
        "legs": legs_of(row.legs),
        "history": history_of(row.history),
        "wish": wish_of(row.wish),
    }
    return LiveGtt(**values | parts)
