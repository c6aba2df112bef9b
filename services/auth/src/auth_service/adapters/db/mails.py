"""The outbox of mails in PostgreSQL."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import mail_outbox
from auth_service.domain.mails import MailKind, QueuedMail, pause_after


class PostgresMails:
    """See `ports.Mails`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, mail: QueuedMail) -> None:
        await self._session.execute(
            insert(mail_outbox).values(
                id=mail.id,
                kind=mail.kind.value,
                user_id=mail.user_id,
                address=mail.address,
                facts=dict(mail.facts),
                created_at=mail.created_at,
                due_at=mail.created_at,
            )
        )

    async def claim(self, at: datetime) -> QueuedMail | None:
        query = (
            select(mail_outbox)
            .where(mail_outbox.c.sent_at.is_(None), mail_outbox.c.due_at <= at)
            .order_by(mail_outbox.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = (await self._session.execute(query)).first()
        if row is None:
            return None
        attempts = row.attempts + 1
        await self._session.execute(
            update(mail_outbox)
            .where(mail_outbox.c.id == row.id)
            .values(attempts=attempts, due_at=at + pause_after(attempts))
        )
        return _mail(row, attempts)

    async def sent(self, mail_id: UUID, user_id: UUID, at: datetime) -> None:
        # What has been sent stays for a while, so that it counts; what it said does not.
        await self._session.execute(
            update(mail_outbox)
            .where(mail_outbox.c.id == mail_id)
            .values(sent_at=at, user_id=user_id, address=None, facts={})
        )

    async def drop(self, mail_id: UUID) -> None:
        await self._session.execute(delete(mail_outbox).where(mail_outbox.c.id == mail_id))

    async def sent_count(self, user_id: UUID, kind: MailKind, since: datetime) -> int:
        query = (
            select(func.count())
            .select_from(mail_outbox)
            .where(mail_outbox.c.user_id == user_id, mail_outbox.c.kind == kind.value, mail_outbox.c.sent_at > since)
        )
        return (await self._session.execute(query)).scalar_one()

    async def forget(self, sent_before: datetime) -> int:
        statement = delete(mail_outbox).where(mail_outbox.c.sent_at < sent_before).returning(mail_outbox.c.id)
        return len((await self._session.execute(statement)).all())


def _mail(row: Any, attempts: int) -> QueuedMail:
    return QueuedMail(
        id=row.id,
        kind=MailKind(row.kind),
        created_at=row.created_at,
        user_id=row.user_id,
        address=row.address,
        facts=row.facts,
        attempts=attempts,
    )
