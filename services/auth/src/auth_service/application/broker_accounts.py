"""Broker accounts: adding, changing, removing. What was written as a secret is never read back to a user."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from auth_service.application.broker_ports import BrokerLogins
from auth_service.application.ports import Announcements, UnitOfWork, UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.broker_accounts import MAX_ACCOUNTS_PER_USER, AppKeys, BrokerAccount, key_hint
from auth_service.domain.broker_sessions import Event
from breezeway.clock import Clock
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.errors import Conflict, NotFound
from breezeway.ids import new_id


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What to change; None leaves a field as it is."""

    label: str | None = None
    api_key: str | None = field(default=None, repr=False)
    api_secret: str | None = field(default=None, repr=False)

    @property
    def fields(self) -> str:
        """The names of what changes, never the values."""
        return " ".join(name for name in ("label", "api_key", "api_secret") if getattr(self, name) is not None)


class BrokerAccountBook:
    """The broker accounts of each user."""

    def __init__(self, units: UnitsOfWork, logins: BrokerLogins, announce: Announcements, clock: Clock) -> None:
        self._units = units
        self._logins = logins
        self._announce = announce
        self._clock = clock

    async def add(
        self, user_id: UUID, label: str, environment: BrokerEnvironment, keys: AppKeys, origin: Origin
    ) -> BrokerAccount:
        """A new account, disconnected.

        Raises:
            InvalidInput: `simulator_not_configured`, when this instance has no simulator.
            Conflict: `too_many_broker_accounts`.
        """
        self._logins.check_environment(environment)
        now = self._clock.now()
        account = BrokerAccount(
            id=new_id(),
            user_id=user_id,
            label=label,
            environment=environment,
            api_key_hint=key_hint(keys.api_key),
            created_at=now,
            updated_at=now,
        )
        async with self._units() as work:
            if await work.broker_accounts.count(user_id) >= MAX_ACCOUNTS_PER_USER:
                raise Conflict(
                    f"A user may have {MAX_ACCOUNTS_PER_USER} broker accounts; delete one first.",
                    code="too_many_broker_accounts",
                )
            await work.broker_accounts.add(account, keys)
            self._audit(work, AuditEvent.BROKER_ACCOUNT_ADDED, account, origin)
            await work.commit()
        return account

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[BrokerAccount]:
        async with self._units() as work:
            return await work.broker_accounts.page(user_id, after, limit)

    async def get(self, user_id: UUID, account_id: UUID) -> BrokerAccount:
        async with self._units() as work:
            return await owned_account(work, user_id, account_id)

    async def change(self, user_id: UUID, account_id: UUID, change: AccountChange, origin: Origin) -> BrokerAccount:
        """Change label or keys. New keys end a session that was opened with the old ones."""
        now = self._clock.now()
        async with self._units() as work:
            account = await owned_account(work, user_id, account_id, lock=True)
            keys: AppKeys | None = None
            if change.api_key is not None or change.api_secret is not None:
                old = await work.broker_accounts.keys(account_id)
                keys = AppKeys(change.api_key or old.api_key, change.api_secret or old.api_secret)
            account = replace(
                account,
                label=change.label if change.label is not None else account.label,
                api_key_hint=key_hint(keys.api_key) if keys else account.api_key_hint,
                updated_at=now,
            )
            await work.broker_accounts.save(account, keys)
            if keys is not None:
                await self._reset_session(work, account_id)
            self._audit(work, AuditEvent.BROKER_ACCOUNT_CHANGED, account, origin, fields=change.fields)
            await work.commit()
        return account

    async def remove(self, user_id: UUID, account_id: UUID, origin: Origin) -> None:
        """Delete the account with its keys and its session."""
        async with self._units() as work:
            account = await owned_account(work, user_id, account_id, lock=True)
            session = await work.broker_sessions.get(account_id, lock=True)
            ended = session.apply(Event.REVOKE, self._clock.now()).announcement()
            work.after_commit(lambda: self._announce.broker_session(ended))
            await work.broker_accounts.remove(account_id)
            self._audit(work, AuditEvent.BROKER_ACCOUNT_REMOVED, account, origin)
            await work.commit()

    async def _reset_session(self, work: UnitOfWork, account_id: UUID) -> None:
        session = await work.broker_sessions.get(account_id, lock=True)
        reset = session.apply(Event.RESET, self._clock.now(), detail="Key or secret were replaced; connect again.")
        await work.broker_sessions.save(reset)
        work.after_commit(lambda: self._announce.broker_session(reset.announcement()))

    def _audit(self, work: UnitOfWork, event: AuditEvent, account: BrokerAccount, origin: Origin, **more: str) -> None:
        facts = {"broker_account": str(account.id), "environment": account.environment.value, **more}
        work.audit(audit_entry(event, account.user_id, self._clock.now(), origin, facts))


async def owned_account(work: UnitOfWork, user_id: UUID, account_id: UUID, *, lock: bool = False) -> BrokerAccount:
    """The user's own account. Somebody else's does not exist for them: NotFound."""
    account = await work.broker_accounts.get(account_id, owner=user_id, lock=lock)
    if account is None:
        raise NotFound("There is no such broker account.", code="broker_account_not_found")
    return account
