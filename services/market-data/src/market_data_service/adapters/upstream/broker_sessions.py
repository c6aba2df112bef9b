"""The user's broker session, read from auth's vault every time: sessions end at midnight and may be revoked."""

from uuid import UUID

from breezeway.contracts.broker import BrokerCredentials, BrokerSession
from breezeway.errors import Conflict, NotFound
from breezeway.http.client import ServiceClient


class HttpBrokerSessions:
    """`BrokerSessions`."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def session(self, user_id: UUID) -> BrokerSession:
        """The session that serves the user, without its secrets.

        Raises:
            Conflict: `broker_session_required`.
        """
        try:
            return await self._client.call("GET", f"/internal/users/{user_id}/broker-session", BrokerSession)
        except NotFound as error:
            raise Conflict(
                "There is no open broker session. Connect a broker account first: see /api/v1/broker-accounts.",
                code="broker_session_required",
            ) from error

    async def credentials(self, user_id: UUID) -> BrokerCredentials:
        session = await self.session(user_id)
        path = f"/internal/broker-accounts/{session.account_id}/credentials"
        return await self._client.call("GET", path, BrokerCredentials)

    async def report_refused(self, credentials: BrokerCredentials, detail: str) -> None:
        # The version guards a session that was opened meanwhile: auth ignores reports about an older one.
        body = {"version": credentials.version, "outcome": "expired", "detail": detail[:500]}
        path = f"/internal/broker-accounts/{credentials.account_id}/session-report"
        await self._client.call("POST", path, BrokerSession, json=body)
