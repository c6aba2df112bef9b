"""Opening, watching and ending broker sessions.

Intent is committed before the broker is called, the broker is called outside any transaction, and the outcome
is committed after - only if nothing newer happened to the account meanwhile.
"""

from dataclasses import replace
from datetime import UTC
from uuid import UUID

import structlog

from auth_service.application.broker_accounts import owned_account
from auth_service.application.broker_ports import BrokerLogins
from auth_service.application.ports import Announcements, UnitOfWork, UnitsOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.broker_accounts import OpenedSession
from auth_service.domain.broker_sessions import BrokerSessionRecord, Event, session_end
from auth_service.domain.notifications import session_ending
from breezeway.clock import Clock
from breezeway.contracts.broker import BrokerSessionState
from breezeway.errors import BreezewayError, Conflict, Forbidden, Rejected
from breezeway.ids import new_id

_BATCH = 100

_log = structlog.get_logger()


class BrokerConnections:
    """The session of each broker account."""

    def __init__(self, units: UnitsOfWork, logins: BrokerLogins, announce: Announcements, clock: Clock) -> None:
        self._units = units
        self._logins = logins
        self._announce = announce
        self._clock = clock

    async def status(self, user_id: UUID, account_id: UUID) -> BrokerSessionRecord:
        """The session as it reads now."""
        async with self._units() as work:
            await owned_account(work, user_id, account_id)
            record = await work.broker_sessions.get(account_id)
        return record.as_of(self._clock.now())

    async def connect(self, user_id: UUID, account_id: UUID, api_session: str, origin: Origin) -> BrokerSessionRecord:
        """Exchange the session value that the broker's redirect carried.

        Raises:
            what the broker's refusal maps to, with its code; the session is `rejected` then, unless an older
            one is active. Conflict: `broker_session_changed`, when the user disconnected or replaced the keys
            meanwhile.
        """
        attempt = new_id()
        async with self._units() as work:
            account = await owned_account(work, user_id, account_id)
            now = self._clock.now()
            begun = (await work.broker_sessions.get(account_id, lock=True)).as_of(now).apply(Event.BEGIN, now)
            # Read under the session's lock: whoever replaces the keys needs that lock too, and voids this attempt.
            keys = await work.broker_accounts.keys(account_id)
            await work.broker_sessions.save(replace(begun, attempt=attempt))
            await work.commit()
        try:
            opened = await self._logins.open_session(account_id, account.environment, keys, api_session)
        except (Rejected, Forbidden) as refusal:
            await self._settle(account_id, attempt, Event.REFUSE, origin, detail=refusal.detail)
            raise
        except BreezewayError as failure:
            await self._settle(account_id, attempt, Event.ABANDON, origin, detail=failure.detail)
            raise
        record = await self._settle(account_id, attempt, Event.ACCEPT, origin, opened=opened)
        if record is None:
            raise Conflict(
                "The broker account changed while the session was being opened. Connect again.",
                code="broker_session_changed",
            )
        return record

    async def disconnect(self, user_id: UUID, account_id: UUID, origin: Origin) -> None:
        """Forget the session key. The broker has no call to end a session; it ends by itself at midnight in India."""
        async with self._units() as work:
            await owned_account(work, user_id, account_id)
            now = self._clock.now()
            before = await work.broker_sessions.get(account_id, lock=True)
            await self._save(work, before.as_of(now).apply(Event.REVOKE, now), AuditEvent.BROKER_REVOKED, origin)
            await work.commit()

    async def report(
        self, account_id: UUID, version: int, outcome: Event, detail: str, reporter: str
    ) -> BrokerSessionRecord | None:
        """A service was refused by the broker. Ignored unless it speaks of the session that is active.

        Args:
            outcome: `Event.EXPIRE` or `Event.REJECT`.

        Returns:
            The session after the report; None when there is no such account.
        """
        now = self._clock.now()
        async with self._units() as work:
            if await work.broker_accounts.get(account_id) is None:
                return None
            record = (await work.broker_sessions.get(account_id, lock=True)).as_of(now)
            if record.version != version or record.state is not BrokerSessionState.ACTIVE:
                return record
            record = record.apply(outcome, now, detail=detail)
            _log.warning("broker_session_reported", account=str(account_id), outcome=outcome.value, by=reporter)
            event = AuditEvent.BROKER_EXPIRED if outcome is Event.EXPIRE else AuditEvent.BROKER_REFUSED
            await self._save(work, record, event, Origin())
            await self._tell(work, record)
            await work.commit()
        return record

    async def write_down_lapsed(self) -> int:
        """Store and announce what time has ended; returns how many. Several processes may do this side by side."""
        now = self._clock.now()
        async with self._units() as work:
            lapsed = await work.broker_sessions.lapsed(now, _BATCH)
            for record in lapsed:
                ended = record.as_of(now)
                if ended.state is BrokerSessionState.EXPIRED:
                    await self._save(work, ended, AuditEvent.BROKER_EXPIRED, Origin())
                    await self._tell(work, ended)
                else:
                    await work.broker_sessions.save(ended)
            await work.commit()
        return len(lapsed)

    async def _settle(
        self,
        account_id: UUID,
        attempt: UUID,
        event: Event,
        origin: Origin,
        *,
        opened: OpenedSession | None = None,
        detail: str | None = None,
    ) -> BrokerSessionRecord | None:
        """Write the outcome of an attempt; None when the account has moved on without it."""
        now = self._clock.now()
        async with self._units() as work:
            if await work.broker_accounts.get(account_id) is None:
                return None
            record = await work.broker_sessions.get(account_id, lock=True)
            if record.attempt != attempt:
                return None
            record = record.apply(event, now, detail=detail)
            if opened is not None:
                record = replace(
                    record,
                    version=record.version + 1,
                    connected_at=now,
                    expires_at=session_end(now).astimezone(UTC),
                    user_name=opened.user_name,
                )
            if event is Event.ABANDON:
                await work.broker_sessions.save(record)
            else:
                audited = AuditEvent.BROKER_CONNECTED if opened else AuditEvent.BROKER_REFUSED
                await self._save(work, record, audited, origin, opened)
            await work.commit()
        return record

    async def _tell(self, work: UnitOfWork, record: BrokerSessionRecord) -> None:
        """Tell the user that a session has ended which they did not end themselves."""
        ending = session_ending(record, self._clock.now())
        if ending is not None:
            await work.tell(ending)

    async def _save(
        self,
        work: UnitOfWork,
        record: BrokerSessionRecord,
        event: AuditEvent,
        origin: Origin,
        opened: OpenedSession | None = None,
    ) -> None:
        await work.broker_sessions.save(record, opened=opened)
        work.after_commit(lambda: self._announce.broker_session(record.announcement()))
        facts = {"broker_account": str(record.account_id), "state": record.state.value, "version": str(record.version)}
        work.audit(audit_entry(event, record.user_id, self._clock.now(), origin, facts))
