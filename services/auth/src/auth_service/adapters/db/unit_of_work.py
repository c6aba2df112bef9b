"""Auth's unit of work: the shared one, with auth's repositories and its audit log."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from auth_service.adapters.db import audit
from auth_service.adapters.db.api_keys import PostgresApiKeys
from auth_service.adapters.db.broker_accounts import PostgresBrokerAccounts
from auth_service.adapters.db.broker_sessions import PostgresBrokerSessions
from auth_service.adapters.db.mailed_tokens import PostgresMailedTokens
from auth_service.adapters.db.mails import PostgresMails
from auth_service.adapters.db.pending_logins import PostgresPendingLogins
from auth_service.adapters.db.preferences import PostgresPreferences
from auth_service.adapters.db.revocations import PostgresRevocations
from auth_service.adapters.db.second_factors import PostgresSecondFactors
from auth_service.adapters.db.sign_ins import PostgresSignIns
from auth_service.adapters.db.tables import events
from auth_service.adapters.db.users import PostgresUsers
from auth_service.adapters.vault import Vault
from auth_service.domain.audit import AuditEntry, ChainLink
from breezeway.contracts.events import Event
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.outbox.table import put


class PostgresUnitOfWork(UnitOfWork):
    """See `ports.UnitOfWork`."""

    def __init__(self, engine: AsyncEngine, vault: Vault) -> None:
        super().__init__(engine)
        self._vault = vault
        self._entries: list[AuditEntry] = []

    @property
    def users(self) -> PostgresUsers:
        return PostgresUsers(self.session)

    @property
    def sign_ins(self) -> PostgresSignIns:
        return PostgresSignIns(self.session)

    @property
    def broker_accounts(self) -> PostgresBrokerAccounts:
        return PostgresBrokerAccounts(self.session, self._vault)

    @property
    def broker_sessions(self) -> PostgresBrokerSessions:
        return PostgresBrokerSessions(self.session, self._vault)

    @property
    def pending_logins(self) -> PostgresPendingLogins:
        return PostgresPendingLogins(self.session)

    @property
    def api_keys(self) -> PostgresApiKeys:
        return PostgresApiKeys(self.session)

    @property
    def mails(self) -> PostgresMails:
        return PostgresMails(self.session)

    @property
    def mailed_tokens(self) -> PostgresMailedTokens:
        return PostgresMailedTokens(self.session)

    @property
    def preferences(self) -> PostgresPreferences:
        return PostgresPreferences(self.session)

    @property
    def second_factors(self) -> PostgresSecondFactors:
        return PostgresSecondFactors(self.session, self._vault)

    @property
    def revocations(self) -> PostgresRevocations:
        return PostgresRevocations(self.session)

    async def audit_page(
        self,
        user_id: UUID | None,
        kind: str | None,
        since: datetime | None,
        until: datetime | None,
        *,
        after: UUID | None,
        limit: int,
    ) -> Sequence[AuditEntry]:
        return await audit.page(self.session, user_id, kind, since, until, after=after, limit=limit)

    async def audit_chain(self, after: int, limit: int) -> Sequence[ChainLink]:
        return await audit.chain(self.session, after, limit)

    async def audit_is_final(self) -> bool:
        return await audit.is_final(self.session)

    async def tell(self, event: Event) -> None:
        await put(self.session, events, event)

    def audit(self, entry: AuditEntry) -> None:
        self._entries.append(entry)

    async def commit(self) -> None:
        # Appended last: the chain's lock is then held for the blink of a commit, and never while waiting for another.
        if self._entries:
            await audit.append(self.session, self._entries)
            self._entries.clear()
        await super().commit()
