"""Registering: a new user, and the first of an instance as its administrator."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from auth_service.application.credential_ports import PasswordHasher
from auth_service.application.ports import UnitOfWork, UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.mails import MailKind, mail_to_address, mail_to_user
from auth_service.domain.passwords import check_password
from auth_service.domain.users import Role, User, normalise_email
from breezeway.clock import Clock
from breezeway.errors import Forbidden
from breezeway.ids import new_id


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """Who may register, and who becomes administrator by it."""

    is_open: bool = True
    """Closed, only the very first user of an instance can register."""
    first_is_admin: bool = True


class Registration:
    """Creates users.

    Args:
        common: passwords that everybody tries first.
    """

    def __init__(
        self,
        units: UnitsOfWork,
        hasher: PasswordHasher,
        common: Container[str],
        clock: Clock,
        rules: RegistrationRules,
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._common = common
        self._clock = clock
        self._rules = rules

    async def register(self, email: str, password: str, full_name: str | None, origin: Origin) -> User:
        """A new user, or for an address that has an account already: the same answer, after the same time, and a mail
        to the owner. The one who asks learns nothing; see docs/decisions/0014-no-enumeration.md.

        Raises:
            InvalidInput: `invalid_password`, `common_password`.
            Forbidden: `registration_closed`.
        """
        check_password(password, email=email, common=self._common)
        await self._check_open()
        # Hashed before anybody looks whether the address is free, so that both answers take as long.
        hashed = await self._hasher.hash(password)
        now = self._clock.now()
        async with self._units() as work:
            first = await work.users.claim_first()
            if not (self._rules.is_open or first):
                raise _closed()
            user = User(
                id=new_id(),
                email=normalise_email(email),
                full_name=full_name,
                role=Role.ADMIN if first and self._rules.first_is_admin else Role.USER,
                password_hash=hashed,
                created_at=now,
            )
            if await work.users.add(user):
                await self._welcome(work, user, now, origin)
            else:
                await work.mails.add(mail_to_address(MailKind.ALREADY_REGISTERED, user.email, now))
                work.audit(audit_entry(AuditEvent.REGISTERED_AGAIN, None, now, origin))
            await work.commit()
        return user

    async def _check_open(self) -> None:
        if self._rules.is_open:
            return
        async with self._units() as work:
            if not await work.users.claim_first():
                raise _closed()

    async def _welcome(self, work: UnitOfWork, user: User, at: datetime, origin: Origin) -> None:
        await work.mails.add(mail_to_user(MailKind.VERIFY_EMAIL, user.id, at))
        work.audit(audit_entry(AuditEvent.REGISTERED, user.id, at, origin, {"role": user.role.value}))


def _closed() -> Forbidden:
    return Forbidden("Registration is closed on this instance. Ask its administrator.", code="registration_closed")
