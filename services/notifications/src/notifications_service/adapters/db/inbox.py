"""Rows of the inbox and of what is on its way."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from breezeway.contracts.events import Event
from breezeway.db.unit_of_work import UnitOfWork
from notifications_service.adapters.db.tables import attempts, deliveries, hook_calls, notifications
from notifications_service.domain.model import Attempt, Delivery, DeliveryState, Notification
from notifications_service.domain.preferences import ChannelName

_n, _d = notifications.c, deliveries.c


class InboxRows(UnitOfWork):
    """See `ports.Work`."""

    async def add_notification(self, event: Event) -> bool:
        values = {"id": event.id, "user_id": event.user_id, "kind": event.kind, "event": event.model_dump(mode="json")}
        added = insert(notifications).values(values).on_conflict_do_nothing().returning(_n.id)
        return (await self.session.execute(added)).one_or_none() is not None

    async def notifications(
        self, user_id: UUID, *, unread: bool, kind: str | None, before: int | None, limit: int
    ) -> Sequence[Notification]:
        query = sa.select(notifications).where(_n.user_id == user_id, _n.deleted_at.is_(None))
        if unread:
            query = query.where(_n.read_at.is_(None))
        if kind is not None:
            query = query.where(_n.kind == kind)
        if before is not None:
            query = query.where(_n.seq < before)
        rows = await self.session.execute(query.order_by(_n.seq.desc()).limit(limit))
        return [_notification(row) for row in rows]

    async def notification(self, user_id: UUID, notification_id: UUID) -> Notification | None:
        row = (await self.session.execute(sa.select(notifications).where(*_own(user_id, notification_id)))).first()
        return None if row is None else _notification(row)

    async def unread_count(self, user_id: UUID) -> int:
        where = (_n.user_id == user_id, _n.deleted_at.is_(None), _n.read_at.is_(None))
        query = sa.select(sa.func.count()).select_from(notifications).where(*where)
        return int((await self.session.execute(query)).scalar_one())

    async def mark_read(self, user_id: UUID, notification_id: UUID, at: datetime) -> bool:
        # Read a second time, it stays read since the first.
        read = sa.func.coalesce(_n.read_at, at)
        changed = sa.update(notifications).where(*_own(user_id, notification_id)).values(read_at=read).returning(_n.id)
        return (await self.session.execute(changed)).one_or_none() is not None

    async def mark_all_read(self, user_id: UUID, at: datetime, until: UUID | None) -> int:
        changed = sa.update(notifications).where(_n.user_id == user_id, _n.deleted_at.is_(None), _n.read_at.is_(None))
        if until is not None:
            newest = sa.select(_n.seq).where(*_own(user_id, until)).scalar_subquery()
            changed = changed.where(_n.seq <= newest)
        return len((await self.session.execute(changed.values(read_at=at).returning(_n.id))).all())

    async def remove_notification(self, user_id: UUID, notification_id: UUID, at: datetime) -> bool:
        gone = sa.update(notifications).where(*_own(user_id, notification_id)).values(deleted_at=at).returning(_n.id)
        return (await self.session.execute(gone)).one_or_none() is not None

    async def forget_before(self, at: datetime) -> int:
        old = sa.delete(deliveries).where(_d.created_at < at, _d.state != DeliveryState.WAITING.value)
        await self.session.execute(old)
        await self.session.execute(sa.delete(hook_calls).where(hook_calls.c.received_at < at))
        gone = sa.delete(notifications).where(_n.created_at < at).returning(_n.id)
        return len((await self.session.execute(gone)).all())

    async def add_delivery(self, delivery: Delivery) -> None:
        values = {
            "id": delivery.id,
            "event_id": delivery.event.id,
            "user_id": delivery.user_id,
            "channel": delivery.channel.value,
            "target": delivery.target,
            "event": delivery.event.model_dump(mode="json"),
            "due_at": delivery.due_at,
            "created_at": delivery.created_at,
            "replay_of": delivery.replay_of,
        }
        await self.session.execute(insert(deliveries).values(values).on_conflict_do_nothing())

    async def claim_deliveries(
        self, channel: ChannelName, now: datetime, lease: timedelta, limit: int, busy: Collection[UUID]
    ) -> Sequence[Delivery]:
        due = sa.select(_d.id).where(
            _d.state == DeliveryState.WAITING.value, _d.channel == channel.value, _d.due_at <= now
        )
        if busy:
            due = due.where(_d.user_id.not_in(list(busy)))
        due = due.order_by(_d.due_at, _d.seq).limit(limit).with_for_update(skip_locked=True)
        # Materialised, or a plan that runs the query more than once would take more than it may.
        chosen = due.cte("chosen").prefix_with("MATERIALIZED")
        claimed = (
            sa.update(deliveries)
            .where(_d.id == chosen.c.id)
            .values(attempts=_d.attempts + 1, due_at=now + lease)
            .returning(deliveries)
        )
        rows = (await self.session.execute(claimed)).all()
        return [_delivery(row) for row in sorted(rows, key=lambda row: row.seq)]

    async def settle_delivery(self, delivery: Delivery, attempt: Attempt) -> None:
        changed = (
            sa.update(deliveries)
            .where(_d.id == delivery.id, _d.state == DeliveryState.WAITING.value)
            .values(
                state=delivery.state.value,
                due_at=delivery.due_at,
                finished_at=delivery.finished_at,
                last_status=attempt.status,
                last_error=attempt.error,
            )
        )
        await self.session.execute(changed)
        line = sa.insert(attempts).values(
            delivery_id=delivery.id,
            at=attempt.at,
            status=attempt.status,
            error=attempt.error,
            milliseconds=attempt.milliseconds,
        )
        await self.session.execute(line)

    async def fail_waiting(self, target: str, error: str, at: datetime) -> None:
        where = (_d.target == target, _d.state == DeliveryState.WAITING.value)
        values = {"state": DeliveryState.FAILED.value, "last_error": error, "finished_at": at}
        await self.session.execute(sa.update(deliveries).where(*where).values(values))

    async def deliveries_to(
        self, user_id: UUID, target: str, *, before: int | None, limit: int
    ) -> Sequence[tuple[int, Delivery]]:
        query = sa.select(deliveries).where(_d.user_id == user_id, _d.target == target)
        if before is not None:
            query = query.where(_d.seq < before)
        rows = await self.session.execute(query.order_by(_d.seq.desc()).limit(limit))
        return [(row.seq, _delivery(row)) for row in rows]

    async def delivery(self, user_id: UUID, delivery_id: UUID) -> Delivery | None:
        query = sa.select(deliveries).where(_d.id == delivery_id, _d.user_id == user_id)
        row = (await self.session.execute(query)).first()
        return None if row is None else _delivery(row)

    async def attempts_of(self, delivery_id: UUID) -> Sequence[Attempt]:
        query = sa.select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.id)
        rows = await self.session.execute(query)
        return [Attempt(row.at, row.status, row.error, row.milliseconds) for row in rows]


def _own(user_id: UUID, notification_id: UUID) -> "tuple[sa.ColumnElement[bool], ...]":
    return _n.id == notification_id, _n.user_id == user_id, _n.deleted_at.is_(None)


def _notification(row: Any) -> Notification:
    return Notification(row.seq, Event.model_validate(row.event), row.read_at)


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row.id,
        user_id=row.user_id,
        channel=ChannelName(row.channel),
        target=row.target,
        event=Event.model_validate(row.event),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        finished_at=row.finished_at,
        last_status=row.last_status,
        last_error=row.last_error,
        replay_of=row.replay_of,
    )
