"""Changing a password, and setting a new one with a link from one's mailbox."""

from collections.abc import Container, Sequence
from dataclasses import replace
from uuid import UUID

from auth_service.application.credential_ports import PasswordHasher
from auth_service.application.email_addresses import EmailAddresses
from auth_service.application.notices import notify
from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.application.revoking import Revoking
from auth_service.application.second_factor import wrong_password
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.mailed_tokens import TokenPurpose, invalid_token
from auth_service.domain.mails import MailKind, mail_to_address
from auth_service.domain.passwords import check_password
from auth_service.domain.sign_ins import EndReason, digest_of
from auth_service.domain.users import User, normalise_email
from breezeway.clock import Clock
from breezeway.errors import Unauthenticated


class Passwords:
    """Sets passwords. Whatever sets one makes every link to reset it useless.

    Args:
        common: passwords that everybody tries first.
    """

    def __init__(
        self,
        units: UnitsOfWork,
        hasher: PasswordHasher,
        revoking: Revoking,
        addresses: EmailAddresses,
        common: Container[str],
        clock: Clock,
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._revoking = revoking
        self._addresses = addresses
        self._common = common
        self._clock = clock

    async def change(self, user_id: UUID, sign_in_id: UUID, current: str, new: str, origin: Origin) -> None:
        """Change the password of somebody who is signed in. Every other sign-in of theirs ends.

        Raises:
            InvalidInput: `wrong_password`, `invalid_password`, `common_password`.
            Unauthenticated: `user_gone`.
        """
        async with self._units() as work:
            found = await work.users.by_id(user_id)
        if found is None or not found.is_active:
            raise _gone()
        check_password(new, email=found.email, common=self._common, field="body.new_password")
        # No transaction is held while hashing.
        if not await self._hasher.verify(current, found.password_hash):
            raise wrong_password("body.current_password")
        hashed = await self._hasher.hash(new)
        now = self._clock.now()
        async with self._units() as work:
            # Held, so that a sign-in with the old password is either ended here or refused.
            user = await work.users.by_id(user_id, lock=True)
            if user is None or not user.is_active:
                raise _gone()
            if user.password_hash != found.password_hash:
                raise wrong_password("body.current_password")
            ended = await work.sign_ins.end_all(user_id, EndReason.PASSWORD_CHANGED, now, keep=sign_in_id)
            await self._set(work, user, hashed, ended)
            facts = {"ended": str(len(ended))}
            work.audit(audit_entry(AuditEvent.PASSWORD_CHANGED, user_id, now, origin, facts))
            await notify(work, user_id, MailKind.PASSWORD_CHANGED, now, origin)
            await work.commit()

    async def ask_for_reset(self, email: str) -> None:
        """Send a link to whoever has this address. Only the request is written down here, the same for everybody;
        whether there is such a user is looked up when the mail is due."""
        async with self._units() as work:
            now = self._clock.now()
            await work.mails.add(mail_to_address(MailKind.RESET_PASSWORD, normalise_email(email), now))
            await work.commit()

    async def reset(self, token: str, new: str, origin: Origin) -> None:
        """Set a new password with a mailed token. Every sign-in of the user ends; a second factor stays on.

        Raises:
            Rejected: `invalid_token`: unknown, used, older than half an hour, or made useless by another change.
            InvalidInput: `invalid_password`, `common_password`; the token can still be used.
        """
        digest = digest_of(token)
        async with self._units() as work:
            owner = await work.mailed_tokens.owner_of(digest, TokenPurpose.RESET_PASSWORD, self._clock.now())
            found = await work.users.by_id(owner) if owner is not None else None
        if found is None:
            raise invalid_token()
        check_password(new, email=found.email, common=self._common, field="body.new_password")
        hashed = await self._hasher.hash(new)
        now = self._clock.now()
        async with self._units() as work:
            # The user first, then the token: the order in which everybody takes them.
            user = await work.users.by_id(found.id, lock=True)
            spent = await work.mailed_tokens.spend(digest, TokenPurpose.RESET_PASSWORD, now)
            if user is None or spent != user.id:
                raise invalid_token()
            ended = await work.sign_ins.end_all(user.id, EndReason.PASSWORD_RESET, now)
            # Who has the link reads the mail of this address.
            await self._set(work, self._addresses.confirmed(work, user, now, origin), hashed, ended)
            facts = {"ended": str(len(ended))}
            work.audit(audit_entry(AuditEvent.PASSWORD_RESET, user.id, now, origin, facts))
            await notify(work, user.id, MailKind.PASSWORD_RESET, now, origin)
            await work.commit()

    async def _set(self, work: UnitOfWork, user: User, hashed: str, ended: Sequence[UUID]) -> None:
        await work.users.save(replace(user, password_hash=hashed))
        await work.mailed_tokens.void(user.id, TokenPurpose.RESET_PASSWORD)
        for sign_in_id in ended:
            await self._revoking.revoke(work, user.id, sign_in_id)


def _gone() -> Unauthenticated:
    return Unauthenticated("The account behind this token does not exist any more.", code="user_gone")
