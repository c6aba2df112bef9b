"""Signing in with e-mail and password, and the second factor where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from auth_service.application.credential_ports import AccessTokens, PasswordHasher
from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.application.revoking import Revoking
from auth_service.application.second_factor import SecondFactor
from auth_service.application.sessions import SessionTokens, start_session
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.passwords import MAX_CHARACTERS
from auth_service.domain.sign_ins import MAX_OPEN
from auth_service.domain.users import Role, User, normalise_email
from breezeway.clock import Clock
from breezeway.errors import Forbidden, Unauthenticated

_KNOWN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody signs in with. Never printed."""

    email: str
    password: str
    otp: str | None = None
    """A code of the authenticator app, or a recovery code."""


class OtpRequired(Unauthenticated):
    """The password is right and a code is missing."""

    title = "A code is needed"
    default_code = "otp_required"


class SigningIn:
    """Checks who somebody is and begins sessions.

    Args:
        needs_verified_email: whether an unconfirmed address cannot sign in. Administrators can: somebody has to set
            the mail server right.
    """

    def __init__(
        self,
        units: UnitsOfWork,
        hasher: PasswordHasher,
        tokens: AccessTokens,
        second_factor: SecondFactor,
        revoking: Revoking,
        clock: Clock,
        *,
        needs_verified_email: bool = False,
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._tokens = tokens
        self._second_factor = second_factor
        self._revoking = revoking
        self._clock = clock
        self._needs_verified_email = needs_verified_email

    async def sign_in(self, given: Credentials, origin: Origin) -> SessionTokens:
        """A new session.

        Raises:
            Unauthenticated: `invalid_credentials`; the same words, after the same time, for an unknown address and a
                wrong password, and for an unconfirmed address where that keeps one out.
            OtpRequired: told only to who knows the password.
            Unauthenticated: `invalid_otp`.
            RateLimited: `too_many_codes`.
            Forbidden: `user_disabled`, told only to who knows the password.
        """
        async with self._units() as work:
            found = await work.users.by_email(normalise_email(given.email))
        # No transaction is held while hashing: a login flood would otherwise use up the connections of everybody.
        fits = len(given.password) <= MAX_CHARACTERS and await self._hasher.verify(
            given.password, found.password_hash if found else None
        )
        if found is None or not fits:
            await self._note_failure(found, origin, "unknown user" if found is None else "wrong password")
            raise self._refused()
        if not self._may_enter(found):
            await self._note_failure(found, origin, "address not confirmed")
            raise self._refused()
        if not found.is_active:
            await self._note_failure(found, origin, "disabled")
            raise Forbidden("This account is disabled. Ask an administrator.", code="user_disabled")
        if found.totp_since is None:
            return await self._begin(found, given, origin)
        if given.otp is None:
            raise OtpRequired("The password is right. Send it again with `otp`, the code of your authenticator app.")
        return await self._begin(found, given, origin, attempt=await self._second_factor.count_try(found.id, origin))

    async def seen_from(self, email: str, ip: str) -> bool:
        """Whether somebody with this address has signed in from there within a month."""
        async with self._units() as work:
            return await work.sign_ins.seen_from(normalise_email(email), ip, self._clock.now() - _KNOWN_FOR)

    async def _begin(
        self, verified: User, given: Credentials, origin: Origin, *, attempt: UUID | None = None
    ) -> SessionTokens:
        rehash = self._hasher.needs_rehash(verified.password_hash)
        rehashed = await self._hasher.hash(given.password) if rehash else None
        now = self._clock.now()
        async with self._units() as work:
            # Held, so that a password change or a disabling is either seen here or finds the session and ends it.
            user = await work.users.by_id(verified.id, lock=True)
            if user is None or not user.is_active or user.password_hash != verified.password_hash:
                raise self._refused()
            proved = False
            if user.totp_since is not None:
                if attempt is None or given.otp is None:
                    raise OtpRequired("Two-factor sign-in has just been turned on. Send `otp` as well.")
                proved = await self._second_factor.accept(work, user, given.otp, attempt, now, origin)
            if user.totp_since is None or proved:
                if rehashed is not None:
                    user = replace(user, password_hash=rehashed)
                    await work.users.save(user)
                session = await start_session(work, self._tokens, user, origin, now, proved_second=proved)
                await self._end(work, user.id, await work.sign_ins.end_surplus(user.id, MAX_OPEN, now))
                await work.commit()
                return session
        await self._note_failure(verified, origin, "wrong code")
        raise Unauthenticated("This code is not valid, or was used before. Wait for the next one.", code="invalid_otp")

    async def _end(self, work: UnitOfWork, user_id: UUID, surplus: Sequence[UUID]) -> None:
        for sign_in_id in surplus:
            await self._revoking.revoke(work, user_id, sign_in_id)

    def _may_enter(self, user: User) -> bool:
        return not self._needs_verified_email or user.email_verified_at is not None or user.role is Role.ADMIN

    def _refused(self) -> Unauthenticated:
        more = ", or the address is not confirmed: follow the link that was mailed to it" * self._needs_verified_email
        return Unauthenticated(f"E-mail address and password do not fit{more}.", code="invalid_credentials")

    async def _note_failure(self, user: User | None, origin: Origin, reason: str) -> None:
        async with self._units() as work:
            # The address is not kept for unknown users: people type passwords into the wrong field.
            work.audit(
                audit_entry(
                    AuditEvent.SIGN_IN_FAILED, user.id if user else None, self._clock.now(), origin, {"reason": reason}
                )
            )
            await work.commit()
