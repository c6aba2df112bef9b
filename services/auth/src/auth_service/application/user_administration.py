"""What administrators do to users: look them up, shut them out, let them in again, make them choose a new password."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from auth_service.application.credential_ports import PasswordHasher
from auth_service.application.notices import notify
from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.application.revoking import Revoking
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.mails import MailKind, mail_to_user
from auth_service.domain.sign_ins import EndReason, new_secret
from auth_service.domain.users import Role, User
from breezeway.clock import Clock
from breezeway.errors import Conflict, Forbidden, NotFound


class UserAdministration:
    """Acts on any user in the name of an administrator, whom the owner finds in the audit log."""

    def __init__(self, units: UnitsOfWork, hasher: PasswordHasher, revoking: Revoking, clock: Clock) -> None:
        self._units = units
        self._hasher = hasher
        self._revoking = revoking
        self._clock = clock

    async def page(self, after: UUID | None, limit: int, search: str | None) -> Sequence[User]:
        """Users, oldest first; with `search`, those whose e-mail address contains it."""
        async with self._units() as work:
            return await work.users.page(after, limit, search)

    async def get(self, user_id: UUID) -> User:
        """Raises NotFound: `user_not_found`."""
        async with self._units() as work:
            return known(await work.users.by_id(user_id))

    async def disable(self, admin_id: UUID, user_id: UUID, origin: Origin) -> User:
        """Shut a user out: their sign-ins end, their API keys rest, and within two seconds so do tokens and streams.

        Raises:
            NotFound: `user_not_found`. Conflict: `last_admin`.
        """
        async with self._units() as work:
            await check_not_last_admin(work, user_id)
            user = known(await work.users.by_id(user_id, lock=True))
            if user.is_active:
                user = replace(user, disabled_at=self._clock.now())
                await work.users.save(user)
                await self._end_everything(work, user, EndReason.DISABLED)
                self._audit(work, AuditEvent.USER_DISABLED, user, admin_id, origin)
                await notify(work, user.id, MailKind.ACCOUNT_DISABLED, self._clock.now(), Origin())
                await work.commit()
        return user

    async def enable(self, admin_id: UUID, user_id: UUID, origin: Origin) -> User:
        """Let a user in again, with the password and the API keys they had. Raises NotFound."""
        async with self._units() as work:
            user = known(await work.users.by_id(user_id, lock=True))
            if not user.is_active:
                user = replace(user, disabled_at=None)
                await work.users.save(user)
                self._audit(work, AuditEvent.USER_ENABLED, user, admin_id, origin)
                await notify(work, user.id, MailKind.ACCOUNT_ENABLED, self._clock.now(), Origin())
                await work.commit()
        return user

    async def force_reset(self, admin_id: UUID, user_id: UUID, origin: Origin) -> User:
        """Take the password away, end every sign-in, and send the user a mail to choose a new one. Raises NotFound."""
        # A password that nobody knows: whoever tries the old one cannot tell it from a wrong one.
        unknown = await self._hasher.hash(new_secret())
        async with self._units() as work:
            user = replace(known(await work.users.by_id(user_id, lock=True)), password_hash=unknown)
            await work.users.save(user)
            await self._end_everything(work, user, EndReason.FORCED_RESET)
            self._audit(work, AuditEvent.PASSWORD_TAKEN, user, admin_id, origin)
            await work.mails.add(mail_to_user(MailKind.MUST_RESET, user.id, self._clock.now()))
            await work.commit()
        return user

    async def remove_second_factor(self, admin_id: UUID, user_id: UUID, origin: Origin, *, proved: bool) -> User:
        """Turn two-factor sign-in off for somebody who has lost app and recovery codes; the owner gets a mail.

        Args:
            proved: whether the administrator has proved their own second factor just now. Without it, who stole an
                administrator's sign-in could take everybody's second factor away.

        Raises:
            NotFound: `user_not_found`.
            Conflict: `own_second_factor`, since one's own is turned off with password and code; `totp_off`.
            Forbidden: `step_up_required`.
        """
        if admin_id == user_id:
            raise Conflict("Turn your own off with password and code.", code="own_second_factor")
        async with self._units() as work:
            admin = known(await work.users.by_id(admin_id))
            if admin.totp_since is None or not proved:
                raise Forbidden(
                    "Prove your own second factor first (POST /api/v1/auth/mfa/step-up); turn it on if it is not.",
                    code="step_up_required",
                )
            user = known(await work.users.by_id(user_id, lock=True))
            if user.totp_since is None:
                raise Conflict("Two-factor sign-in is not on.", code="totp_off")
            user = replace(user, totp_since=None)
            await work.users.save(user)
            await work.second_factors.remove(user_id)
            self._audit(work, AuditEvent.TOTP_DISABLED, user, admin_id, origin)
            await notify(work, user_id, MailKind.TOTP_DISABLED, self._clock.now(), Origin())
            await work.commit()
        return user

    async def set_role(self, admin_id: UUID, user_id: UUID, role: Role, origin: Origin) -> User:
        """Make a user an administrator, or no longer one. Their tokens end, because a token says its role.

        Raises:
            NotFound: `user_not_found`. Conflict: `last_admin`.
        """
        async with self._units() as work:
            if role is not Role.ADMIN:
                await check_not_last_admin(work, user_id)
            user = known(await work.users.by_id(user_id, lock=True))
            if user.role is not role:
                user = replace(user, role=role)
                await work.users.save(user)
                await self._revoking.revoke(work, user.id)
                self._audit(work, AuditEvent.ROLE_CHANGED, user, admin_id, origin, role=role.value)
                await work.commit()
        return user

    async def _end_everything(self, work: UnitOfWork, user: User, reason: EndReason) -> None:
        await work.sign_ins.end_all(user.id, reason, self._clock.now())
        # Every token so far, not one by one: those of API keys belong to no sign-in.
        await self._revoking.revoke(work, user.id)

    def _audit(
        self, work: UnitOfWork, event: AuditEvent, user: User, admin_id: UUID, origin: Origin, **facts: str
    ) -> None:
        # The administrator's address is not the user's business; the id is there to ask.
        entry = audit_entry(event, user.id, self._clock.now(), Origin(), {"by": str(admin_id), **facts})
        work.audit(entry)
        done = audit_entry(AuditEvent.ADMIN_ACTED, admin_id, self._clock.now(), origin, _act(event, user))
        work.audit(done)


async def check_not_last_admin(work: UnitOfWork, user_id: UUID) -> None:
    """Raise Conflict (`last_admin`) when nobody could administer the instance without this user.

    The administrators are held until the transaction ends, so two of them cannot shut each other out.
    """
    if list(await work.users.hold_admins()) == [user_id]:
        raise Conflict(
            "This is the last administrator; make somebody else one first.",
            code="last_admin",
        )


def known(user: User | None) -> User:
    """The user. Raises NotFound: `user_not_found`."""
    if user is None:
        raise NotFound("There is no such user.", code="user_not_found")
    return user


def _act(event: AuditEvent, user: User) -> dict[str, str]:
    return {"act": event.value, "user": str(user.id)}
