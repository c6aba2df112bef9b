"""Leaving: a user deletes their account, with everything that is kept of them."""

from functools import partial
from uuid import UUID

from auth_service.application.ports import Announcements, PasswordHasher, UnitOfWork, UnitsOfWork
from auth_service.application.revoking import Revoking
from auth_service.application.user_administration import check_not_last_admin
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.broker_accounts import MAX_ACCOUNTS_PER_USER
from auth_service.domain.broker_sessions import Event
from auth_service.domain.users import User
from breezeway.clock import Clock
from breezeway.errors import Forbidden, Unauthenticated


class AccountDeletion:
    """Deletes users.

    What stays is the audit log, which cannot be changed: it holds the user's id and the IP addresses they came from,
    but neither name nor e-mail address. Other services know a user by that id only.
    """

    def __init__(
        self, units: UnitsOfWork, hasher: PasswordHasher, revoking: Revoking, announce: Announcements, clock: Clock
    ) -> None:
        self._units = units
        self._hasher = hasher
        self._revoking = revoking
        self._announce = announce
        self._clock = clock

    async def delete(self, user_id: UUID, password: str, origin: Origin) -> None:
        """Delete the caller.

        Raises:
            Forbidden: `wrong_password`. Not a 401, which would say that the token is not valid.
            Conflict: `last_admin`, unless nobody else is there.
        """
        async with self._units() as work:
            found = _there(await work.users.by_id(user_id))
        if not await self._hasher.verify(password, found.password_hash):
            await self._note_failure(user_id, origin)
            raise Forbidden("The password is not right.", code="wrong_password")
        async with self._units() as work:
            if await work.users.others_than(user_id):
                await check_not_last_admin(work, user_id)
            user = _there(await work.users.by_id(user_id, lock=True))
            if user.password_hash != found.password_hash:
                raise Forbidden("The password has just been changed.", code="wrong_password")
            await self._close_broker_sessions(work, user_id)
            await self._revoking.revoke(work, user_id)
            await work.users.remove(user_id)
            work.audit(audit_entry(AuditEvent.USER_DELETED, user_id, self._clock.now(), origin))
            await work.commit()

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
