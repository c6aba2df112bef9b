"""Telling the owner of an account that something has changed, in case it was not them.

    async with self._units() as work:
        …
        await notify(work, user.id, MailKind.API_KEY_CREATED, now, origin, {"name": key.name})
        await work.commit()

The notice is written in the caller's transaction: it leaves when, and only when, that commits, and it is not lost when
the mail server is away.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from auth_service.application.ports import UnitOfWork
from auth_service.domain.audit import Origin
from auth_service.domain.mails import MailKind, mail_to_user
from auth_service.domain.notifications import security_notice


async def notify(
    work: UnitOfWork,
    user_id: UUID,
    kind: MailKind,
    at: datetime,
    origin: Origin,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Queue a notice to the user: a mail, and a line in their inbox.

    Args:
        at: when it happened, as the mail will say.
        origin: where it came from; the mail names address and browser.
        facts: what else the words of this kind of mail need (`domain/mail_texts.py`); never a secret.
    """
    where = {"ip": origin.ip or "", "user_agent": origin.user_agent or ""}
    known = where | dict(facts or {})
    await work.mails.add(mail_to_user(kind, user_id, at, known))
    await work.tell(security_notice(user_id, kind, at, known))
