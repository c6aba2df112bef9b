"""Refreshing: one use per token, decided by one statement."""

from auth_service.application.credential_ports import AccessTokens
from auth_service.application.notices import notify
from auth_service.application.ports import UnitsOfWork
from auth_service.application.revoking import Revoking
from auth_service.application.sessions import SessionTokens, new_refresh_token
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.mails import MailKind
from auth_service.domain.sign_ins import EndReason, digest_of
from breezeway.clock import Clock
from breezeway.errors import Unauthenticated


class Refreshing:
    """Exchanges refresh tokens."""

    def __init__(self, units: UnitsOfWork, tokens: AccessTokens, revoking: Revoking, clock: Clock) -> None:
        self._units = units
        self._tokens = tokens
        self._revoking = revoking
        self._clock = clock

    async def refresh(self, refresh_token: str, origin: Origin) -> SessionTokens:
        """A new pair for a refresh token that has not been used.

        Raises:
            Unauthenticated: `invalid_refresh_token`; when the token was used before, the whole sign-in ends too.
        """
        digest = digest_of(refresh_token)
        now = self._clock.now()
        async with self._units() as work:
            sign_in_id = await work.sign_ins.spend(digest, now)
            if sign_in_id is not None:
                # Holding the sign-in's row orders us against logging out: whichever commits first is true for
                # the other.
                sign_in = await work.sign_ins.touch(sign_in_id, now)
                user = await work.users.by_id(sign_in.user_id) if sign_in else None
                if sign_in is not None and user is not None and user.is_active:
                    secret, token = new_refresh_token(sign_in, now)
                    await work.sign_ins.issue(token)
                    access = self._tokens.issue(user, sign_in.id, now)
                    await work.commit()
                    return SessionTokens(access=access, refresh_token=secret, user=user)
        await self._end_if_reused(digest, origin)
        raise Unauthenticated(
            "The refresh token is not valid: unknown, expired, or used before. Log in again.",
            code="invalid_refresh_token",
        )

    async def _end_if_reused(self, digest: bytes, origin: Origin) -> None:
        now = self._clock.now()
        async with self._units() as work:
            sign_in = await work.sign_ins.owner_of(digest, spent_only=True)
            # The user first: whoever changes the password holds them, and then waits for the sign-in.
            if sign_in is None or await work.users.by_id(sign_in.user_id, lock=True) is None:
                return
            if not await work.sign_ins.end(sign_in.id, sign_in.user_id, EndReason.REUSE, now):
                return
            await self._revoking.revoke(work, sign_in.user_id, sign_in.id)
            work.audit(
                audit_entry(AuditEvent.REFRESH_REUSED, sign_in.user_id, now, origin, {"sign_in": str(sign_in.id)})
            )
            await notify(work, sign_in.user_id, MailKind.REFRESH_REUSED, now, origin)
            await work.commit()
