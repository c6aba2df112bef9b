"""Registering: a new user, and the first of an instance as its administrator."""

from auth_service.application.ports import PasswordHasher, UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.passwords import check_password
from auth_service.domain.users import Role, User, normalise_email
from breezeway.clock import Clock
from breezeway.errors import Conflict
from breezeway.ids import new_id


class Registration:
    """Creates users."""

    def __init__(self, units: UnitsOfWork, hasher: PasswordHasher, clock: Clock) -> None:
        self._units = units
        self._hasher = hasher
        self._clock = clock

    async def register(self, email: str, password: str, full_name: str | None, origin: Origin) -> User:
        """A new user.

        Raises:
            InvalidInput: `invalid_password`.
            Conflict: `email_taken`, in whatever capitals.
        """
        check_password(password)
        # Hashed before anybody looks whether the address is free, so that both answers take as long.
        hashed = await self._hasher.hash(password)
        now = self._clock.now()
        async with self._units() as work:
            user = User(
                id=new_id(),
                email=normalise_email(email),
                full_name=full_name,
                role=Role.ADMIN if await work.users.claim_first() else Role.USER,
                password_hash=hashed,
                created_at=now,
            )
            if not await work.users.add(user):
                raise Conflict(
                    "There is an account with this e-mail address already. Log in, or use another address.",
                    code="email_taken",
                )
            work.audit(audit_entry(AuditEvent.REGISTERED, user.id, now, origin, {"role": user.role.value}))
            await work.commit()
        return user
