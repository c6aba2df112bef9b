"""Rows of what users have set up: preferences, Telegram chats, webhooks."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from breezeway.db.unit_of_work import UnitOfWork
from notifications_service.adapters.db.tables import preferences, telegram_links, webhooks
from notifications_service.domain.model import TelegramLink, Webhook
from notifications_service.domain.preferences import ChannelName, Preferences, QuietHours

_w = webhooks.c


class SettingRows(UnitOfWork):
    """See `ports.Work`."""

    async def preferences(self, user_id: UUID) -> Preferences:
        row = (await self.session.execute(sa.select(preferences).where(preferences.c.user_id == user_id))).first()
        if row is None:
            return Preferences()
        quiet = None if row.quiet_start is None else QuietHours(row.quiet_start, row.quiet_end)
        chosen = {kind: frozenset(ChannelName(name) for name in names) for kind, names in row.chosen.items()}
        return Preferences(row.time_zone, quiet, chosen)

    async def save_preferences(self, user_id: UUID, preferences_: Preferences) -> None:
        quiet = preferences_.quiet
        await _upsert(
            self,
            preferences,
            ["user_id"],
            {
                "user_id": user_id,
                "time_zone": preferences_.time_zone,
                "quiet_start": quiet.start if quiet else None,
                "quiet_end": quiet.end if quiet else None,
                "chosen": {kind: sorted(names) for kind, names in preferences_.chosen.items()},
            },
        )

    async def telegram(self, user_id: UUID, *, lock: bool = False) -> TelegramLink | None:
        query = sa.select(telegram_links).where(telegram_links.c.user_id == user_id)
        row = (await self.session.execute(query.with_for_update() if lock else query)).first()
        return None if row is None else TelegramLink(**row._mapping)

    async def save_telegram(self, link: TelegramLink) -> None:
        await _upsert(self, telegram_links, ["user_id"], _values(link))

    async def remove_telegram(self, user_id: UUID) -> bool:
        table = telegram_links
        gone = sa.delete(table).where(table.c.user_id == user_id).returning(table.c.user_id)
        return (await self.session.execute(gone)).one_or_none() is not None

    async def webhooks(self, user_id: UUID, *, lock: bool = False) -> Sequence[Webhook]:
        query = sa.select(webhooks).where(_w.user_id == user_id).order_by(_w.id)
        rows = await self.session.execute(query.with_for_update() if lock else query)
        return [_webhook(row) for row in rows]

    async def webhook(self, webhook_id: UUID, *, lock: bool = False) -> Webhook | None:
        query = sa.select(webhooks).where(_w.id == webhook_id)
        row = (await self.session.execute(query.with_for_update() if lock else query)).first()
        return None if row is None else _webhook(row)

    async def save_webhook(self, webhook: Webhook) -> None:
        await _upsert(self, webhooks, ["id"], _values(webhook) | {"kinds": sorted(webhook.kinds)})

    async def remove_webhook(self, user_id: UUID, webhook_id: UUID) -> bool:
        gone = sa.delete(webhooks).where(_w.id == webhook_id, _w.user_id == user_id).returning(_w.id)
        return (await self.session.execute(gone)).one_or_none() is not None

    async def hold_user(self, user_id: UUID) -> None:
        # A lock on a name: a user who has nothing yet has no row to lock.
        number = int.from_bytes(user_id.bytes[8:], "big", signed=True)
        await self.session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


async def _upsert(work: UnitOfWork, table: sa.Table, key: list[str], values: dict[str, Any]) -> None:
    rest = {name: value for name, value in values.items() if name not in key}
    await work.session.execute(insert(table).values(values).on_conflict_do_update(index_elements=key, set_=rest))


def _values(record: TelegramLink | Webhook) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _webhook(row: Any) -> Webhook:
    return Webhook(**dict(row._mapping) | {"kinds": frozenset(row.kinds)})
