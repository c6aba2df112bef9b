"""The second factor: turning it on and off, and proving it.

Whoever proves it has been counted first, in a transaction of its own: a wrong code stays counted whatever happens
afterwards, and parallel guesses count each. Who proves it successfully is counted no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from auth_service.application.credential_ports import AccessToken, AccessTokens, AppCodes, PasswordHasher
from auth_service.application.notices import notify
from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.mails import MailKind
from auth_service.domain.second_factor import (
    MAX_TRIES,
    TRIES_WINDOW,
    cleaned,
    is_app_code,
    new_recovery_codes,
    recovery_digest,
)
from auth_service.domain.users import User
from breezeway.clock import Clock
from breezeway.errors import Conflict, FieldFault, InvalidInput, RateLimited, Unauthenticated


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs; shown until the first code is confirmed, never again."""

    seed: str
    uri: str
    qr_svg: str


class SecondFactor:
    """Turns the second factor on and off, and checks it."""

    def __init__(
        self, units: UnitsOfWork, codes: AppCodes, hasher: PasswordHasher, tokens: AccessTokens, clock: Clock
    ) -> None:
        self._units = units
        self._codes = codes
        self._hasher = hasher
        self._tokens = tokens
        self._clock = clock

    async def enrol(self, user_id: UUID) -> Enrolment:
        """A new seed, which counts once a code of it is confirmed. Raises Conflict (`totp_on`) when one does."""
        seed = self._codes.new_seed()
        async with self._units() as work:
            user = await _held(work, user_id)
            if user.totp_since is not None:
                raise Conflict("Two-factor sign-in is on already. Turn it off first.", code="totp_on")
            await work.second_factors.put(user_id, seed, self._clock.now())
            await work.commit()
        uri = self._codes.uri(seed, user.email)
        return Enrolment(seed=seed, uri=uri, qr_svg=self._codes.qr_svg(uri))

    async def confirm(self, user_id: UUID, code: str, origin: Origin) -> Sequence[str]:
        """Turn the second factor on. Returns the recovery codes, which nobody can read again.

        Raises:
            Conflict: `totp_on`, or `totp_not_started`.
            InvalidInput: `invalid_otp`.
            RateLimited: `too_many_codes`.
        """
        attempt = await self.count_try(user_id, origin)
        now = self._clock.now()
        async with self._units() as work:
            user = await _held(work, user_id)
            if user.totp_since is not None:
                raise Conflict("Two-factor sign-in is on already.", code="totp_on")
            seed = await work.second_factors.seed(user_id)
            if seed is None:
                raise Conflict("Ask for a secret first: POST /api/v1/auth/mfa/totp.", code="totp_not_started")
            step = self._codes.step_of(seed, cleaned(code), now)
            if step is None or not await work.second_factors.spend_step(user_id, step):
                raise _wrong_code()
            shown = new_recovery_codes()
            await work.second_factors.replace_recovery_codes(
                user_id, [recovery_digest(user_id, code) for code in shown]
            )
            await work.second_factors.take_back_try(attempt)
            await work.users.save(replace(user, totp_since=now))
            work.audit(audit_entry(AuditEvent.TOTP_ENABLED, user_id, now, origin))
            await notify(work, user_id, MailKind.TOTP_ENABLED, now, origin)
            await work.commit()
        return shown

    async def turn_off(self, user_id: UUID, password: str, code: str, origin: Origin) -> None:
        """Turn the second factor off, which takes both factors.

        Raises:
            Conflict: `totp_off`.
            InvalidInput: `wrong_password`, `invalid_otp`.
            RateLimited: `too_many_codes`.
        """
        async with self._units() as work:
            found = await work.users.by_id(user_id)
        # The password is tried under the same count as the code: a stolen access token must not guess it here.
        attempt = await self.count_try(user_id, origin)
        if found is None or not await self._hasher.verify(password, found.password_hash):
            raise wrong_password("body.password")
        now = self._clock.now()
        async with self._units() as work:
            user = await _held(work, user_id)
            if user.totp_since is None:
                await work.second_factors.take_back_try(attempt)
                await work.commit()
                raise _off()
            if user.password_hash != found.password_hash or not await self.accept(
                work, user, code, attempt, now, origin
            ):
                raise _wrong_code()
            await work.second_factors.remove(user_id)
            await work.users.save(replace(user, totp_since=None))
            work.audit(audit_entry(AuditEvent.TOTP_DISABLED, user_id, now, origin))
            await notify(work, user_id, MailKind.TOTP_DISABLED, now, origin)
            await work.commit()

    async def step_up(self, user_id: UUID, session_id: UUID, code: str, origin: Origin) -> AccessToken:
        """An access token of the same sign-in that says that the second factor was proved just now.

        Raises:
            Conflict: `totp_off`.
            InvalidInput: `invalid_otp`.
            RateLimited: `too_many_codes`.
        """
        attempt = await self.count_try(user_id, origin)
        now = self._clock.now()
        async with self._units() as work:
            user = await _held(work, user_id)
            if user.totp_since is None:
                await work.second_factors.take_back_try(attempt)
                await work.commit()
                raise _off()
            if not await self.accept(work, user, code, attempt, now, origin):
                raise _wrong_code()
            # Held, so that logging out either finds no such token or comes first and is seen here.
            if await work.sign_ins.touch(session_id, now) is None:
                raise Unauthenticated("This sign-in has ended; log in again.", code="token_revoked")
            work.audit(audit_entry(AuditEvent.STEPPED_UP, user_id, now, origin, {"sign_in": str(session_id)}))
            await work.commit()
        return self._tokens.issue(user, session_id, now, mfa_at=now)

    async def count_try(self, user_id: UUID, origin: Origin) -> UUID:
        """Count one try, for good unless it is taken back. Raises RateLimited (`too_many_codes`)."""
        now = self._clock.now()
        async with self._units() as work:
            # Holding the user's row makes parallel tries count one after the other.
            await _held(work, user_id)
            tries = await work.second_factors.tries_since(user_id, now - TRIES_WINDOW)
            if len(tries) >= MAX_TRIES:
                wait = (tries[-MAX_TRIES] + TRIES_WINDOW - now).total_seconds()
                raise RateLimited("Too many codes; wait before the next one.", code="too_many_codes", retry_after=wait)
            attempt = await work.second_factors.add_try(user_id, now)
            if len(tries) + 1 == MAX_TRIES:
                await notify(work, user_id, MailKind.CODES_TRIED_OFTEN, now, origin)
            await work.commit()
        return attempt

    async def accept(
        self, work: UnitOfWork, user: User, code: str, attempt: UUID, at: datetime, origin: Origin
    ) -> bool:
        """Whether `code` proves the second factor of `user`, whose row the caller holds. It is spent with the caller's
        transaction, and the counted `attempt` taken back.
        """
        code = cleaned(code)
        if is_app_code(code):
            seed = await work.second_factors.seed(user.id)
            step = self._codes.step_of(seed, code, at) if seed is not None else None
            fits = step is not None and await work.second_factors.spend_step(user.id, step)
        else:
            fits = await work.second_factors.spend_recovery_code(user.id, recovery_digest(user.id, code), at)
            if fits:
                left = {"left": str(await work.second_factors.recovery_codes_left(user.id))}
                work.audit(audit_entry(AuditEvent.RECOVERY_CODE_USED, user.id, at, origin, left))
                await notify(work, user.id, MailKind.RECOVERY_CODE_USED, at, origin, left)
        if fits:
            await work.second_factors.take_back_try(attempt)
        return fits

    async def forget_old(self) -> int:
        """Delete tries that count no more."""
        async with self._units() as work:
            forgotten = await work.second_factors.forget_tries(self._clock.now() - TRIES_WINDOW)
            await work.commit()
        return forgotten


def wrong_password(field: str) -> InvalidInput:
    """The password of somebody who is signed in does not fit. Not a 401: that says that their token is not valid."""
    message = "This is not your password."
    return InvalidInput(message, code="wrong_password", faults=[FieldFault(field, message)])


async def _held(work: UnitOfWork, user_id: UUID) -> User:
    user = await work.users.by_id(user_id, lock=True)
    if user is None or not user.is_active:
        raise Unauthenticated("The account behind this token does not exist any more.", code="user_gone")
    return user


def _wrong_code() -> InvalidInput:
    message = "This code is not valid, or was used before. Wait for the next one."
    return InvalidInput(message, code="invalid_otp", faults=[FieldFault("body.code", message)])


def _off() -> Conflict:
    return Conflict("Two-factor sign-in is not on.", code="totp_off")
