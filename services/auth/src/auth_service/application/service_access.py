"""What our own services may learn: which sessions are open, and - three of them only - the keys to use one."""

from collections.abc import Sequence
from uuid import UUID

from auth_service.application.broker_ports import SessionKeys
from auth_service.application.ports import UnitsOfWork
from auth_service.domain.broker_sessions import BrokerSessionRecord
from auth_service.domain.users import normalise_email
from breezeway.clock import Clock
from breezeway.contracts.broker import BrokerCredentials, BrokerSessionState
from breezeway.errors import Conflict, Forbidden, NotFound

TRUSTED_WITH_SECRETS = frozenset({"market-data", "instruments", "trading"})
"""The services that call the broker. Nobody else is handed a key, whatever token they carry."""


class ServiceAccess:
    """Reads of the vault by our own services.

    Args:
        shared_feed_user: e-mail of the user whose session serves everybody without one of their own; None for nobody.
    """

    def __init__(self, units: UnitsOfWork, clock: Clock, *, shared_feed_user: str | None = None) -> None:
        self._units = units
        self._clock = clock
        self._shared_feed_user = normalise_email(shared_feed_user) if shared_feed_user else None

    async def active_sessions(self) -> Sequence[BrokerSessionRecord]:
        async with self._units() as work:
            return await work.broker_sessions.active(self._clock.now())

    async def session_for(self, user_id: UUID) -> BrokerSessionRecord:
        """The user's own active session, else the shared one. Raises NotFound: `no_broker_session`."""
        now = self._clock.now()
        async with self._units() as work:
            found = await work.broker_sessions.newest_active_of(user_id, now)
            if found is None and self._shared_feed_user is not None:
                shared = await work.users.by_email(self._shared_feed_user)
                found = await work.broker_sessions.newest_active_of(shared.id, now) if shared else None
        if found is None:
            raise NotFound(
                "There is no open broker session. Connect a broker account: "
                "GET /api/v1/broker-accounts/{id}/login-url tells where to log in.",
                code="no_broker_session",
            )
        return found

    async def credentials(self, account_id: UUID, service: str) -> BrokerCredentials:
        """All that is needed to call the broker in the account's name.

        Raises:
            Forbidden: `not_a_broker_client`, for a service that has no business with the broker.
            NotFound: `broker_account_not_found`.
            Conflict: `broker_session_inactive`.
        """
        check_trusted(service)
        async with self._units() as work:
            if await work.broker_accounts.get(account_id) is None:
                raise NotFound("There is no such broker account.", code="broker_account_not_found")
            # Locked, so that keys, session and version belong together.
            record = (await work.broker_sessions.get(account_id, lock=True)).as_of(self._clock.now())
            app = await work.broker_accounts.keys(account_id)
            session = await work.broker_sessions.secrets(account_id)
        if record.state is not BrokerSessionState.ACTIVE or session is None or record.expires_at is None:
            raise inactive(record)
        return BrokerCredentials.model_validate(
            {
                "account_id": account_id,
                "user_id": record.user_id,
                "environment": record.environment,
                "version": record.version,
                "api_key": app.api_key,
                "api_secret": app.api_secret,
                "broker_user_id": session.broker_user_id,
                "session_key": session.session_key,
                "expires_at": record.expires_at,
            }
        )

    async def own_keys(self, user_id: UUID, account_id: UUID) -> tuple[BrokerSessionRecord, SessionKeys]:
        """The keys of a user's own account, for a call that this service makes itself.

        Raises as `credentials` does.
        """
        async with self._units() as work:
            if await work.broker_accounts.get(account_id, owner=user_id) is None:
                raise NotFound("There is no such broker account.", code="broker_account_not_found")
            record = (await work.broker_sessions.get(account_id, lock=True)).as_of(self._clock.now())
            app = await work.broker_accounts.keys(account_id)
            session = await work.broker_sessions.secrets(account_id)
        if record.state is not BrokerSessionState.ACTIVE or session is None:
            raise inactive(record)
        return record, SessionKeys(account_id, record.environment, app, session)


def check_trusted(service: str) -> None:
    """Raise Forbidden unless `service` is one of those that call the broker."""
    if service not in TRUSTED_WITH_SECRETS:
        raise Forbidden("This service has no business with the broker.", code="not_a_broker_client")


def inactive(record: BrokerSessionRecord) -> Conflict:
    """The error for a session that cannot be used, with what to do about it."""
    return Conflict(
        f"The broker session is {record.state.value}. Log in at the broker again: "
        f"GET /api/v1/broker-accounts/{record.account_id}/login-url",
        code="broker_session_inactive",
        context={"state": record.state.value, "account_id": str(record.account_id)},
    )
