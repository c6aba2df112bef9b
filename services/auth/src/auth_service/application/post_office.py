"""Sending the mails that wait in the outbox.

A mail is claimed in one transaction, sent outside of any, and noted as sent in another. A process that dies in between
leaves it to the next attempt, so a mail arrives once or, rarely, twice, but is never lost.
"""

from datetime import datetime, timedelta

import structlog

from auth_service.application.credential_ports import Mailer
from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.domain.mail_texts import link_of, written
from auth_service.domain.mailed_tokens import TokenPurpose, new_mailed_token
from auth_service.domain.mails import ASKED_FOR, LIMIT, LIMIT_WINDOW, MailKind, QueuedMail
from auth_service.domain.users import User
from breezeway.clock import Clock
from breezeway.errors import BreezewayError
from breezeway.mail.message import Mail

_PURPOSES = {
    MailKind.RESET_PASSWORD: TokenPurpose.RESET_PASSWORD,
    MailKind.MUST_RESET: TokenPurpose.RESET_PASSWORD,
    MailKind.VERIFY_EMAIL: TokenPurpose.VERIFY_EMAIL,
}
_KEPT = timedelta(days=1)

_log = structlog.get_logger()


class PostOffice:
    """Delivers queued mails.

    Args:
        public_url: the address of this instance as users type it; every link begins with it.
    """

    def __init__(self, units: UnitsOfWork, mailer: Mailer, clock: Clock, *, public_url: str) -> None:
        self._units = units
        self._mailer = mailer
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    async def deliver(self) -> int:
        """Deal with one mail that is due; 0 when there is none."""
        now = self._clock.now()
        async with self._units() as work:
            queued = await work.mails.claim(now)
            if queued is None:
                return 0
            # The pause until the next attempt is committed before we try: it also keeps other processes off.
            await work.commit()
        prepared = await self._prepare(queued, now)
        if prepared is None:
            return 1
        user, mail = prepared
        try:
            await self._mailer.send(mail)
        except BreezewayError as error:
            _log.warning(
                "mail_delayed", mail=str(queued.id), kind=queued.kind, attempt=queued.attempts, code=error.code
            )
            return 1
        async with self._units() as work:
            await work.mails.sent(queued.id, user.id, self._clock.now())
            await work.commit()
        return 1

    async def forget_old(self) -> int:
        """Delete mails that were sent a day ago, and tokens that have expired."""
        before = self._clock.now() - _KEPT
        async with self._units() as work:
            forgotten = await work.mails.forget(before) + await work.mailed_tokens.forget(before)
            await work.commit()
        return forgotten

    async def _prepare(self, queued: QueuedMail, now: datetime) -> tuple[User, Mail] | None:
        """Recipient and words; None when there is nothing to send, and then the mail is gone."""
        async with self._units() as work:
            user = await _recipient(work, queued)
            if user is None or queued.is_stale(now) or not await self._is_due(work, queued, user, now):
                if user is not None and queued.is_stale(now):
                    _log.error("mail_given_up", mail=str(queued.id), kind=queued.kind, attempts=queued.attempts)
                await work.mails.drop(queued.id)
                await work.commit()
                return None
            link = ""
            if (purpose := _PURPOSES.get(queued.kind)) is not None:
                secret, token = new_mailed_token(user.id, purpose, now)
                await work.mailed_tokens.add(token)
                link = link_of(queued.kind, self._public_url, secret)
            await work.commit()
        mail = written(queued.kind, user.email, user.full_name, self._public_url, queued.created_at, queued.facts, link)
        return user, mail

    async def _is_due(self, work: UnitOfWork, queued: QueuedMail, user: User, now: datetime) -> bool:
        if queued.kind not in ASKED_FOR:
            return True
        if not user.is_active or (queued.kind is MailKind.VERIFY_EMAIL and user.email_verified_at is not None):
            return False
        return await work.mails.sent_count(user.id, queued.kind, now - LIMIT_WINDOW) < LIMIT


async def _recipient(work: UnitOfWork, queued: QueuedMail) -> User | None:
    if queued.user_id is not None:
        return await work.users.by_id(queued.user_id)
    return await work.users.by_email(queued.address or "")
