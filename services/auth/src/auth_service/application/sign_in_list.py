"""A user's open sign-ins, and ending them."""

from collections.abc import Sequence
from uuid import UUID

from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.application.revoking import Revoking
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.sign_ins import ABSOLUTE_LIFETIME, EndReason, SignIn, digest_of
from breezeway.clock import Clock
from breezeway.errors import NotFound

_BATCH = 500


class SignInList:
    """Lists and ends sign-ins. What has ended cannot be refreshed from the moment that the call returns."""

    def __init__(self, units: UnitsOfWork, revoking: Revoking, clock: Clock) -> None:
        self._units = units
        self._revoking = revoking
        self._clock = clock

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[SignIn]:
        async with self._units() as work:
            return await work.sign_ins.open_ones(user_id, self._clock.now(), after, limit)

    async def end(self, user_id: UUID, sign_in_id: UUID, origin: Origin) -> None:
        """End one sign-in of the user. Raises NotFound when it is not theirs or is over."""
        async with self._units() as work:
            if not await self._end(work, sign_in_id, user_id, EndReason.REVOKED, origin):
                raise NotFound("There is no such session, or it has ended.", code="session_not_found")
            await work.commit()

    async def log_out(self, refresh_token: str, origin: Origin) -> None:
        """End the sign-in that the token belongs to; nothing to do when there is none."""
        async with self._units() as work:
            sign_in = await work.sign_ins.owner_of(digest_of(refresh_token))
            if sign_in is not None and await self._end(work, sign_in.id, sign_in.user_id, EndReason.LOGOUT, origin):
                await work.commit()

    async def log_out_everywhere(self, user_id: UUID, origin: Origin) -> None:
        now = self._clock.now()
        async with self._units() as work:
            ended = await work.sign_ins.end_all(user_id, EndReason.LOGOUT_ALL, now)
            # One by one, not all tokens up to now: whoever signs in again within the same second must not be refused.
            for sign_in_id in ended:
                await self._revoking.revoke(work, user_id, sign_in_id)
            facts = {"ended": str(len(ended))}
            work.audit(audit_entry(AuditEvent.SIGNED_OUT_EVERYWHERE, user_id, now, origin, facts))
            await work.commit()

    async def forget_old(self) -> int:
        """Delete a batch of sign-ins that have been over for a month; the audit log remembers them."""
        async with self._units() as work:
            forgotten = await work.sign_ins.forget(self._clock.now() - ABSOLUTE_LIFETIME, _BATCH)
            await work.commit()
        return forgotten

    async def _end(self, work: UnitOfWork, sign_in_id: UUID, user_id: UUID, reason: EndReason, origin: Origin) -> bool:
        now = self._clock.now()
        if not await work.sign_ins.end(sign_in_id, user_id, reason, now):
            return False
        await self._revoking.revoke(work, user_id, sign_in_id)
        work.audit(
            audit_entry(
                AuditEvent.SIGNED_OUT, user_id, now, origin, {"sign_in": str(sign_in_id), "reason": reason.value}
            )
        )
        return True
