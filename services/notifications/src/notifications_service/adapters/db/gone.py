"""Deleting what is kept of a user who is gone."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from breezeway.contracts.events import USER_DELETED, Event
from breezeway.db.unit_of_work import UnitOfWork
from notifications_service.adapters.db.tables import (
    alerts,
    deliveries,
    hooks,
    notifications,
    preferences,
    telegram_links,
    webhooks,
)

# Attempts and calls go with their deliveries and hooks.
_TABLES: Final = (deliveries, notifications, preferences, telegram_links, webhooks, alerts, hooks)
_n = notifications.c


class GoneRows(UnitOfWork):
    """See `ports.Work`. The event itself stays, unreadable, as the mark by which late comers are known."""

    async def forget_user(self, event: Event) -> None:
        for table in _TABLES:
            await self.session.execute(_delete(table, table.c.user_id == event.user_id))
        mark = {"id": event.id, "user_id": event.user_id, "kind": USER_DELETED, "event": event.model_dump(mode="json")}
        added = insert(notifications).values(mark | {"deleted_at": sa.func.now()}).on_conflict_do_nothing()
        await self.session.execute(added)

    async def forget_gone(self) -> int:
        gone = sa.select(_n.user_id).where(_n.kind == USER_DELETED).scalar_subquery()
        count = 0
        for table in _TABLES:
            deleted: sa.UpdateBase = _delete(table, table.c.user_id.in_(gone)).returning(sa.literal_column("1"))
            count += len((await self.session.execute(deleted)).all())
        return count


def _delete(table: sa.Table, where: "sa.ColumnElement[bool]") -> sa.Delete:
    found = sa.delete(table).where(where)
    return found.where(_n.kind != USER_DELETED) if table is notifications else found
