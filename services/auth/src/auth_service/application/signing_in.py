"""Signing in with e-mail and password."""

from dataclasses import replace
from uuid import UUID

from auth_service.application.ports import AccessTokens, PasswordHasher, UnitsOfWork
from auth_service.application.sessions import SessionTokens, start_session
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.passwords import MAX_CHARACTERS
from auth_service.domain.users import User, normalise_email
from breezeway.clock import Clock
from breezeway.errors import Forbidden, Unauthenticated


class SigningIn:
    """Checks passwords and begins sessions."""

    def __init__(self, units: UnitsOfWork, hasher: PasswordHasher, tokens: AccessTokens, clock: Clock) -> None:
        self._units = units
        self._hasher = hasher
        self._tokens = tokens
        self._clock = clock

    async def sign_in(self, email: str, password: str, origin: Origin) -> SessionTokens:
        """A new session.

        Raises:
            Unauthenticated: `invalid_credentials`; the same words, after the same time, for an unknown address
            and a wrong
                password.
            Forbidden: `user_disabled`, told only to who knows the password.
        """
        async with self._units() as work:
            found = await work.users.by_email(normalise_email(email))
        # No transaction is held while hashing: a login flood would otherwise use up the connections of everybody.
        fits = len(password) <= MAX_CHARACTERS and await self._hasher.verify(
            password, found.password_hash if found else None
        )
        if found is None or not fits:
            await self._note_failure(found, origin, "unknown user" if found is None else "wrong password")
            raise Unauthenticated("E-mail address and password do not fit.", code="invalid_credentials")
        if not found.is_active:
            await self._note_failure(found, origin, "disabled")
            raise Forbidden("This account is disabled. Ask an administrator.", code="user_disabled")
        return await self._begin(found.id, found.password_hash, password, origin)

    async def _begin(self, user_id: UUID, verified_hash: str, password: str, origin: Origin) -> SessionTokens:
        rehashed = await self._hasher.hash(password) if self._hasher.needs_rehash(verified_hash) else None
        now = self._clock.now()
        async with self._units() as work:
            # Held, so that a password change or a disabling is either seen here or finds the session and ends it.
            user = await work.users.by_id(user_id, lock=True)
            if user is None or not user.is_active or user.password_hash != verified_hash:
                raise Unauthenticated("E-mail address and password do not fit.", code="invalid_credentials")
            if rehashed is not None:
                user = replace(user, password_hash=rehashed)
                await work.users.save(user)
            session = await start_session(work, self._tokens, user, origin, now)
            await work.commit()
        return session

    async def _note_failure(self, user: User | None, origin: Origin, reason: str) -> None:
        async with self._units() as work:
            # The address is not kept for unknown users: people type passwords into the wrong field.
            work.audit(
                audit_entry(
                    AuditEvent.SIGN_IN_FAILED, user.id if user else None, self._clock.now(), origin, {"reason": reason}
                )
            )
            await work.commit()
