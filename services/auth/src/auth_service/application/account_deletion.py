"""Leaving: a user deletes their account, with everything that is kept of them."""

from functools import partial
from uuid import UUID

from auth_service.application.credential_ports import PasswordHasher
from auth_service.application.ports import Announcements, UnitOfWork, UnitsOfWork
from auth_service.application.revoking import Revoking
from auth_service.application.second_factor import SecondFactor, wrong_password
from auth_service.application.user_administration import check_not_last_admin
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.broker_accounts import MAX_ACCOUNTS_PER_USER
from auth_service.domain.broker_sessions import Event
from auth_service.domain.users import User
from breezeway.clock import Clock
from breezeway.contracts.events import USER_DELETED
from breezeway.contracts.events import Event as Told
from breezeway.errors import FieldFault, InvalidInput, Unauthenticated


class AccountDeletion:
    """Deletes users.

    What stays is the audit log, which cannot be changed: it holds the user's id and the IP addresses they came from,
    but neither name nor e-mail address. Other services know a user by that id only; notifications, which keeps what the
    user was told and where webhooks go, is told to forget them.
    """

    def __init__(
        self,
        units: UnitsOfWork,
        hasher: PasswordHasher,
        second_factor: SecondFactor,
        revoking: Revoking,
        announce: Announcements,
        clock: Clock,
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._second_factor = second_factor
        self._revoking = revoking
        self._announce = announce
        self._clock = clock

    async def delete(self, user_id: UUID, password: str, code: str | None, origin: Origin) -> None:
        """Delete the caller.

        Args:
            code: of the second factor, where it is on.

        Raises:
            InvalidInput: `wrong_password`, `otp_required`, `invalid_otp`.
            RateLimited: `too_many_codes`.
            Conflict: `last_admin`, unless nobody else is there.
        """
        async with self._units() as work:
            found = _there(await work.users.by_id(user_id))
        if not await self._hasher.verify(password, found.password_hash):
            await self._note_failure(user_id, origin)
            raise wrong_password("body.password")
        attempt = None if found.totp_since is None else await self._second_factor.count_try(user_id, origin)
        async with self._units() as work:
            if await work.users.others_than(user_id):
                await check_not_last_admin(work, user_id)
            user = _there(await work.users.by_id(user_id, lock=True))
            if user.password_hash != found.password_hash:
                raise wrong_password("body.password")
            if user.totp_since is not None:
                await self._check_code(work, user, code, attempt, origin)
            await self._close_broker_sessions(work, user_id)
            await self._revoking.revoke(work, user_id)
            await work.users.remove(user_id)
            now = self._clock.now()
            work.audit(audit_entry(AuditEvent.USER_DELETED, user_id, now, origin))
            # Notifications then deletes what it keeps of the user: inbox, alerts, webhooks, hooks.
            await work.tell(Told(user_id=user_id, kind=USER_DELETED, title="The account was deleted.", at=now))
            await work.commit()

    async def _check_code(
        self, work: UnitOfWork, user: User, code: str | None, attempt: UUID | None, origin: Origin
    ) -> None:
        if code is None or attempt is None:
            message = "Two-factor sign-in is on: send a code of your app, or a recovery code."
            raise InvalidInput(message, code="otp_required", faults=[FieldFault("body.otp", message)])
        if not await self._second_factor.accept(work, user, code, attempt, self._clock.now(), origin):
            message = "This code is not valid, or was used before. Wait for the next one."
            raise InvalidInput(message, code="invalid_otp", faults=[FieldFault("body.otp", message)])

    async def _close_broker_sessions(self, work: UnitOfWork, user_id: UUID) -> None:
        for account in await work.broker_accounts.page(user_id, None, MAX_ACCOUNTS_PER_USER):
            session = await work.broker_sessions.get(account.id, lock=True)
            ended = session.apply(Event.REVOKE, self._clock.now()).announcement()
            work.after_commit(partial(self._announce.broker_session, ended))

    async def _note_failure(self, user_id: UUID, origin: Origin) -> None:
        async with self._units() as work:
            facts = {"reason": "wrong password", "for": "deleting the account"}
            work.audit(audit_entry(AuditEvent.SIGN_IN_FAILED, user_id, self._clock.now(), origin, facts))
            await work.commit()


def _there(user: User | None) -> User:
    if user is None or not user.is_active:
        raise Unauthenticated("The account behind this token does not exist any more.", code="user_gone")
    return user
