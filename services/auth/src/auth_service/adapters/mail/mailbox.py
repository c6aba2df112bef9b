"""The development mailbox: mails end in a table, where a developer reads them, instead of with a mail server."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from auth_service.adapters.db.tables import development_mailbox
from auth_service.application.credential_ports import ReceivedMail
from breezeway.clock import Clock
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.ids import new_id
from breezeway.mail.message import Mail

CAPACITY = 500


class PostgresMailbox:
    """See `credential_ports.Mailer` and `credential_ports.Mailbox`. The newest `CAPACITY` mails are kept."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        async with UnitOfWork(self._engine) as work:
            await work.session.execute(
                insert(development_mailbox).values(
                    id=new_id(),
                    recipient=mail.recipient,
                    subject=mail.subject,
                    body=mail.body,
                    sent_at=self._clock.now(),
                )
            )
            await _drop_oldest(work.session)
            await work.commit()

    async def page(self, recipient: str | None, before: UUID | None, limit: int) -> Sequence[ReceivedMail]:
        query = select(development_mailbox).order_by(development_mailbox.c.id.desc()).limit(limit)
        if recipient is not None:
            query = query.where(development_mailbox.c.recipient == recipient)
        if before is not None:
            query = query.where(development_mailbox.c.id < before)
        async with UnitOfWork(self._engine) as work:
            return [_received(row) for row in await work.session.execute(query)]

    async def get(self, mail_id: UUID) -> ReceivedMail | None:
        query = select(development_mailbox).where(development_mailbox.c.id == mail_id)
        async with UnitOfWork(self._engine) as work:
            row = (await work.session.execute(query)).first()
        return _received(row) if row else None


async def _drop_oldest(session: AsyncSession) -> None:
    newest = select(development_mailbox.c.id).order_by(development_mailbox.c.id.desc()).limit(CAPACITY)
    await session.execute(delete(development_mailbox).where(development_mailbox.c.id.not_in(newest)))


def _received(row: Any) -> ReceivedMail:
    mail = Mail(recipient=row.recipient, subject=row.subject, body=row.body)
    return ReceivedMail(id=row.id, mail=mail, sent_at=row.sent_at)
