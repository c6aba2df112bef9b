"""Broker accounts in PostgreSQL, their keys sealed by the vault."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import broker_accounts, broker_sessions
from auth_service.adapters.vault import Place, Vault
from auth_service.domain.broker_accounts import AppKeys, BrokerAccount
from breezeway.contracts.broker import BrokerEnvironment, BrokerSessionState
from breezeway.errors import NotFound

_COLUMNS = (
    broker_accounts.c.id,
    broker_accounts.c.user_id,
    broker_accounts.c.label,
    broker_accounts.c.environment,
    broker_accounts.c.api_key_hint,
    broker_accounts.c.created_at,
    broker_accounts.c.updated_at,
)


class PostgresBrokerAccounts:
    """See `ports.BrokerAccounts`."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def add(self, account: BrokerAccount, keys: AppKeys) -> None:
        await self._session.execute(
            insert(broker_accounts).values(
                id=account.id,
                user_id=account.user_id,
                label=account.label,
                environment=account.environment.value,
                api_key_hint=account.api_key_hint,
                created_at=account.created_at,
                updated_at=account.updated_at,
                **self._sealed(account.id, keys),
            )
        )
        await self._session.execute(
            insert(broker_sessions).values(
                account_id=account.id,
                state=BrokerSessionState.DISCONNECTED.value,
                version=0,
                changed_at=account.created_at,
            )
        )

    async def count(self, user_id: UUID) -> int:
        query = select(func.count()).select_from(broker_accounts).where(broker_accounts.c.user_id == user_id)
        return (await self._session.execute(query)).scalar_one()

    async def get(self, account_id: UUID, *, owner: UUID | None = None, lock: bool = False) -> BrokerAccount | None:
        query = select(*_COLUMNS).where(broker_accounts.c.id == account_id)
        if owner is not None:
            query = query.where(broker_accounts.c.user_id == owner)
        row = (await self._session.execute(query.with_for_update() if lock else query)).first()
        return _account(row) if row else None

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[BrokerAccount]:
        query = (
            select(*_COLUMNS).where(broker_accounts.c.user_id == user_id).order_by(broker_accounts.c.id).limit(limit)
        )
        if after is not None:
            query = query.where(broker_accounts.c.id > after)
        return [_account(row) for row in await self._session.execute(query)]

    async def save(self, account: BrokerAccount, keys: AppKeys | None) -> None:
        await self._session.execute(
            update(broker_accounts)
            .where(broker_accounts.c.id == account.id)
            .values(
                label=account.label,
                api_key_hint=account.api_key_hint,
                updated_at=account.updated_at,
                **(self._sealed(account.id, keys) if keys else {}),
            )
        )

    async def remove(self, account_id: UUID) -> None:
        await self._session.execute(delete(broker_accounts).where(broker_accounts.c.id == account_id))

    async def keys(self, account_id: UUID) -> AppKeys:
        query = select(broker_accounts.c.api_key_sealed, broker_accounts.c.api_secret_sealed).where(
            broker_accounts.c.id == account_id
        )
        row = (await self._session.execute(query)).first()
        if row is None:
            raise NotFound("There is no such broker account.", code="broker_account_not_found")
        return AppKeys(
            api_key=self._vault.open(row.api_key_sealed, _place("api_key_sealed", account_id)),
            api_secret=self._vault.open(row.api_secret_sealed, _place("api_secret_sealed", account_id)),
        )

    def _sealed(self, account_id: UUID, keys: AppKeys) -> dict[str, bytes]:
        return {
            "api_key_sealed": self._vault.seal(keys.api_key, _place("api_key_sealed", account_id)),
            "api_secret_sealed": self._vault.seal(keys.api_secret, _place("api_secret_sealed", account_id)),
        }


def _place(column: str, account_id: UUID) -> Place:
    return Place(table=broker_accounts.name, column=column, row=str(account_id))


def _account(row: Any) -> BrokerAccount:
    return BrokerAccount(
        id=row.id,
        user_id=row.user_id,
        label=row.label,
        environment=BrokerEnvironment(row.environment),
        api_key_hint=row.api_key_hint,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
