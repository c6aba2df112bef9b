"""Rows of alerts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from breezeway.db.unit_of_work import UnitOfWork
from notifications_service.adapters.db.tables import alerts
from notifications_service.domain.alerts import Alert, AlertState, Condition, Repeat, Side

_a = alerts.c


class AlertRows(UnitOfWork):
    """See `ports.Work`."""

    async def alerts(
        self, user_id: UUID, *, state: AlertState | None, symbol: str | None, after: UUID | None, limit: int
    ) -> Sequence[Alert]:
        query = sa.select(alerts).where(_a.user_id == user_id)
        if state is not None:
            query = query.where(_a.state == state.value)
        if symbol is not None:
            query = query.where(_a.symbol == symbol)
        if after is not None:
            query = query.where(_a.id < after)
        return [_alert(row) for row in await self.session.execute(query.order_by(_a.id.desc()).limit(limit))]

    async def alert(self, user_id: UUID, alert_id: UUID) -> Alert | None:
        query = sa.select(alerts).where(_a.id == alert_id, _a.user_id == user_id)
        row = (await self.session.execute(query)).first()
        return None if row is None else _alert(row)

    async def count_alerts(self, user_id: UUID) -> int:
        query = sa.select(sa.func.count()).select_from(alerts).where(_a.user_id == user_id)
        return int((await self.session.execute(query)).scalar_one())

    async def add_alert(self, alert: Alert) -> None:
        await self.session.execute(sa.insert(alerts).values(_values(alert)))

    async def replace_alert(self, alert: Alert, version: int) -> bool:
        changed = sa.update(alerts).where(_a.id == alert.id, _a.version == version)
        answer = await self.session.execute(changed.values(_values(alert)).returning(_a.id))
        return answer.one_or_none() is not None

    async def remove_alert(self, user_id: UUID, alert_id: UUID) -> bool:
        gone = sa.delete(alerts).where(_a.id == alert_id, _a.user_id == user_id).returning(_a.id)
        return (await self.session.execute(gone)).one_or_none() is not None

    async def active_alerts(self) -> Sequence[Alert]:
        query = sa.select(alerts).where(_a.state == AlertState.ACTIVE.value)
        return [_alert(row) for row in await self.session.execute(query)]


def _values(alert: Alert) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in alert.__slots__}


def _alert(row: Any) -> Alert:
    return Alert(
        **dict(row._mapping)
        | {
            "condition": Condition(row.condition),
            "repeat": Repeat(row.repeat),
            "state": AlertState(row.state),
            "side": None if row.side is None else Side(row.side),
        }
    )
