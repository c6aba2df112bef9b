"""Broker sessions in PostgreSQL, their keys sealed by the vault."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.adapters.db.tables import broker_accounts, broker_sessions
from auth_service.adapters.vault import Place, Vault
from auth_service.domain.broker_accounts import OpenedSession
from auth_service.domain.broker_sessions import CONNECTING_PATIENCE, BrokerSessionRecord
from breezeway.contracts.broker import BrokerEnvironment, BrokerSessionState
from breezeway.errors import NotFound

_ACTIVE = BrokerSessionState.ACTIVE.value
_SEALED = ("broker_user_id_sealed", "session_key_sealed", "api_session_sealed")


class PostgresBrokerSessions:
    """See `ports.BrokerSessions`."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def get(self, account_id: UUID, *, lock: bool = False) -> BrokerSessionRecord:
        query = _records().where(broker_sessions.c.account_id == account_id)
        if lock:
            query = query.with_for_update(of=broker_sessions)
        row = (await self._session.execute(query)).first()
        if row is None:
            raise NotFound("There is no such broker account.", code="broker_account_not_found")
        return _record(row)

    async def save(self, record: BrokerSessionRecord, *, opened: OpenedSession | None = None) -> None:
        sealed: dict[str, bytes | None] = {}
        if record.state is not BrokerSessionState.ACTIVE:
            sealed = dict.fromkeys(_SEALED)
        elif opened is not None:
            secrets = (opened.broker_user_id, opened.session_key, opened.api_session)
            sealed = {
                column: self._vault.seal(secret, _place(column, record.account_id))
                for column, secret in zip(_SEALED, secrets, strict=True)
            }
        await self._session.execute(
            update(broker_sessions)
            .where(broker_sessions.c.account_id == record.account_id)
            .values(
                state=record.state.value,
                version=record.version,
                changed_at=record.changed_at,
                attempt=record.attempt,
                connected_at=record.connected_at,
                expires_at=record.expires_at,
                user_name=record.user_name,
                detail=record.detail,
                **sealed,
            )
        )

    async def secrets(self, account_id: UUID) -> OpenedSession | None:
        query = select(*(broker_sessions.c[column] for column in _SEALED), broker_sessions.c.user_name).where(
            broker_sessions.c.account_id == account_id, broker_sessions.c.session_key_sealed.is_not(None)
        )
        row = (await self._session.execute(query)).mappings().first()
        if row is None:
            return None
        user_id, session_key, api_session = (
            self._vault.open(row[column], _place(column, account_id)) for column in _SEALED
        )
        return OpenedSession(
            broker_user_id=user_id, session_key=session_key, api_session=api_session, user_name=row["user_name"]
        )

    async def active(self, at: datetime) -> Sequence[BrokerSessionRecord]:
        rows = await self._session.execute(_active(at).order_by(broker_sessions.c.account_id))
        return [_record(row) for row in rows]

    async def newest_active_of(self, user_id: UUID, at: datetime) -> BrokerSessionRecord | None:
        query = (
            _active(at)
            .where(broker_accounts.c.user_id == user_id)
            .order_by(broker_sessions.c.connected_at.desc())
            .limit(1)
        )
        row = (await self._session.execute(query)).first()
        return _record(row) if row else None

    async def ending(self, at: datetime, lead: timedelta, limit: int) -> Sequence[BrokerSessionRecord]:
        query = (
            _active(at)
            .where(
                broker_sessions.c.expires_at <= at + lead,
                broker_sessions.c.connected_at <= broker_sessions.c.expires_at - lead,
                broker_sessions.c.reminded_version.is_distinct_from(broker_sessions.c.version),
            )
            .limit(limit)
            .with_for_update(of=broker_sessions, skip_locked=True)
        )
        return [_record(row) for row in await self._session.execute(query)]

    async def reminded(self, record: BrokerSessionRecord) -> None:
        await self._session.execute(
            update(broker_sessions)
            .where(broker_sessions.c.account_id == record.account_id)
            .values(reminded_version=record.version)
        )

    async def ended_by_midnight(self, user_id: UUID, at: datetime, limit: int) -> Sequence[BrokerSessionRecord]:
        query = (
            _records()
            .where(
                broker_accounts.c.user_id == user_id,
                broker_accounts.c.environment == BrokerEnvironment.SIMULATOR.value,
                broker_sessions.c.state == BrokerSessionState.EXPIRED.value,
                broker_sessions.c.expires_at <= at,
                # What a service has reported was changed before the session's own end.
                broker_sessions.c.changed_at >= broker_sessions.c.expires_at,
            )
            .limit(limit)
        )
        return [_record(row) for row in await self._session.execute(query)]

    async def lapsed(self, at: datetime, limit: int) -> Sequence[BrokerSessionRecord]:
        query = (
            _records()
            .where(
                or_(
                    and_(broker_sessions.c.state == _ACTIVE, broker_sessions.c.expires_at <= at),
                    and_(
                        broker_sessions.c.state == BrokerSessionState.CONNECTING.value,
                        broker_sessions.c.changed_at <= at - CONNECTING_PATIENCE,
                    ),
                )
            )
            .limit(limit)
            .with_for_update(of=broker_sessions, skip_locked=True)
        )
        return [_record(row) for row in await self._session.execute(query)]


def _records() -> Select[tuple[object, ...]]:
    columns = [column for column in broker_sessions.c if not column.name.endswith("_sealed")]
    query: Select[tuple[object, ...]] = select(*columns, broker_accounts.c.user_id, broker_accounts.c.environment).join(
        broker_accounts, broker_accounts.c.id == broker_sessions.c.account_id
    )
    return query


def _active(at: datetime) -> Select[tuple[object, ...]]:
    return _records().where(broker_sessions.c.state == _ACTIVE, broker_sessions.c.expires_at > at)


def _place(column: str, account_id: UUID) -> Place:
    return Place(table=broker_sessions.name, column=column, row=str(account_id))


def _record(row: Any) -> BrokerSessionRecord:
    return BrokerSessionRecord(
        account_id=row.account_id,
        user_id=row.user_id,
        environment=BrokerEnvironment(row.environment),
        state=BrokerSessionState(row.state),
        version=row.version,
        changed_at=row.changed_at,
        attempt=row.attempt,
        connected_at=row.connected_at,
        expires_at=row.expires_at,
        user_name=row.user_name,
        detail=row.detail,
    )
