"""What users see and change of themselves."""

from dataclasses import replace
from uuid import UUID

from auth_service.application.ports import UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.users import User
from breezeway.clock import Clock
from breezeway.errors import NotFound, Unauthenticated


class Profiles:
    """Reads and changes users."""

    def __init__(self, units: UnitsOfWork, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def own(self, user_id: UUID) -> User:
        """The caller. Raises Unauthenticated when the account behind a token is gone or disabled."""
        async with self._units() as work:
            return _alive(await work.users.by_id(user_id))

    async def of(self, user_id: UUID) -> User:
        """Any user, for our own services. Raises NotFound."""
        async with self._units() as work:
            user = await work.users.by_id(user_id)
        if user is None:
            raise NotFound("There is no such user.", code="user_not_found")
        return user

    async def rename(self, user_id: UUID, full_name: str | None, origin: Origin) -> User:
        """Change the caller's name; None removes it."""
        async with self._units() as work:
            # Held while it changes: `save` writes the whole row, and somebody may be changing the password.
            user = replace(_alive(await work.users.by_id(user_id, lock=True)), full_name=full_name)
            await work.users.save(user)
            work.audit(
                audit_entry(AuditEvent.PROFILE_CHANGED, user_id, self._clock.now(), origin, {"fields": "full_name"})
            )
            await work.commit()
        return user


def _alive(user: User | None) -> User:
    if user is None or not user.is_active:
        raise Unauthenticated("The account behind this token does not exist any more.", code="user_gone")
    return user
