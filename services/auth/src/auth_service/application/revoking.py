"""Telling every service which access tokens have stopped counting.

A revocation is written down in the transaction that causes it and delivered when that has committed. When Redis does
not take it, a chore delivers it as soon as it does: nothing that was revoked is ever left untold.
"""

from uuid import UUID

from auth_service.application.ports import Announcements, UnitOfWork, UnitsOfWork
from breezeway.clock import Clock
from breezeway.contracts.auth import CredentialsRevoked

_BATCH = 500


class Revoking:
    """Writes revocations down, and delivers them."""

    def __init__(self, units: UnitsOfWork, announce: Announcements, clock: Clock) -> None:
        self._units = units
        self._announce = announce
        self._clock = clock

    async def revoke(self, work: UnitOfWork, user_id: UUID, session_id: UUID | str | None = None) -> None:
        """Revoke the tokens of one sign-in or API key; without one, every token the user has been given so far."""
        revoked = CredentialsRevoked(
            user_id=user_id,
            session_id=None if session_id is None else str(session_id),
            at=int(self._clock.now().timestamp()),
        )
        await work.revocations.add(revoked)
        work.after_commit(self.deliver)

    async def deliver(self) -> int:
        """Announce what has not been announced; returns how many. A crash half-way announces some twice."""
        async with self._units() as work:
            waiting = await work.revocations.take(_BATCH)
            for revoked in waiting:
                await self._announce.revoked(revoked)
            await work.commit()
        return len(waiting)
