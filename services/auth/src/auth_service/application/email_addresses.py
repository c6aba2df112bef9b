"""Confirming that an e-mail address is its user's."""

from dataclasses import replace
from datetime import datetime

from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.mailed_tokens import TokenPurpose, invalid_token
from auth_service.domain.mails import MailKind, mail_to_address
from auth_service.domain.sign_ins import digest_of
from auth_service.domain.users import Role, User, normalise_email
from breezeway.clock import Clock


class EmailAddresses:
    """Confirms addresses.

    Args:
        admin_email: whoever confirms this address becomes administrator.
    """

    def __init__(self, units: UnitsOfWork, clock: Clock, *, admin_email: str | None = None) -> None:
        self._units = units
        self._clock = clock
        self._admin_email = normalise_email(admin_email) if admin_email else None

    async def ask_for_verification(self, email: str) -> None:
        """Send a link to whoever has this address and has not confirmed it; the same for everybody else."""
        async with self._units() as work:
            now = self._clock.now()
            await work.mails.add(mail_to_address(MailKind.VERIFY_EMAIL, normalise_email(email), now))
            await work.commit()

    async def verify(self, token: str, origin: Origin) -> None:
        """Confirm an address with a mailed token. Raises Rejected (`invalid_token`)."""
        digest = digest_of(token)
        now = self._clock.now()
        async with self._units() as work:
            owner = await work.mailed_tokens.owner_of(digest, TokenPurpose.VERIFY_EMAIL, now)
            # The user first, then the token: the order in which everybody takes them.
            user = await work.users.by_id(owner, lock=True) if owner is not None else None
            if user is None or await work.mailed_tokens.spend(digest, TokenPurpose.VERIFY_EMAIL, now) != user.id:
                raise invalid_token()
            await work.users.save(self.confirmed(work, user, now, origin))
            await work.mailed_tokens.void(user.id, TokenPurpose.VERIFY_EMAIL)
            await work.commit()

    def confirmed(self, work: UnitOfWork, user: User, at: datetime, origin: Origin) -> User:
        """`user` with a confirmed address; the caller saves it, and has seen proof."""
        if user.email_verified_at is None:
            user = replace(user, email_verified_at=at)
            work.audit(audit_entry(AuditEvent.EMAIL_VERIFIED, user.id, at, origin))
        if user.email == self._admin_email and user.role is not Role.ADMIN:
            user = replace(user, role=Role.ADMIN)
            work.audit(audit_entry(AuditEvent.MADE_ADMIN, user.id, at, origin, {"by": "configured address"}))
        return user
