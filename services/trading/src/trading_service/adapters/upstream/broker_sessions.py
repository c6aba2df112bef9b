"""The keys of live accounts' broker sessions, read from auth's vault for every errand: sessions end and are revoked."""

from uuid import UUID

from breezeway.contracts.broker import BrokerCredentials, BrokerSession
from breezeway.http.client import ServiceClient


class HttpBrokerSessions:
    """Implements what `BreezeDesk` and `LiveGate` need of auth."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        """Raises NotFound `broker_account_not_found`, Conflict `broker_session_inactive`."""
        return await self._auth.call("GET", f"/internal/broker-accounts/{account_id}/credentials", BrokerCredentials)

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None:
        # The version guards a session that was opened meanwhile: auth ignores reports about an older one.
        body = {"version": credentials.version, "outcome": "expired", "detail": detail[:500]}
        path = f"/internal/broker-accounts/{credentials.account_id}/session-report"
        await self._auth.call("POST", path, BrokerSession, json=body)
