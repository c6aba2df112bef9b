"""Auth and instruments, as the feed owner asks them over HTTP."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from breezeway.contracts.broker import BrokerCredentials, BrokerSession
from breezeway.contracts.instruments import Instrument, ResolveAnswer, ResolveRequest
from breezeway.errors import NotFound
from breezeway.http.client import ServiceClient

_BATCH = 500


class AuthBrokerSessions:
    """Implements `feed_ports.BrokerSessions`."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth

    async def active(self) -> Sequence[BrokerSession]:
        return await self._auth.call("GET", "/internal/broker-sessions", list[BrokerSession])

    async def credentials(self, account_id: UUID) -> BrokerCredentials:
        return await self._auth.call("GET", f"/internal/broker-accounts/{account_id}/credentials", BrokerCredentials)

    async def report_refused(self, account_id: UUID, version: int, reason: str) -> None:
        body = {"version": version, "outcome": "expired", "detail": f"The feed was refused: {reason}"}
        await self._auth.call(
            "POST", f"/internal/broker-accounts/{account_id}/session-report", BrokerSession, json=body
        )

    async def of_user(self, user_id: UUID) -> BrokerSession | None:
        """The session that serves a user; None when there is none."""
        try:
            return await self._auth.call("GET", f"/internal/users/{user_id}/broker-session", BrokerSession)
        except NotFound:
            return None


class HttpFeedInstruments:
    """Implements `feed_ports.Instruments`, in our own name: a feed serves many users at once."""

    def __init__(self, instruments: ServiceClient) -> None:
        self._instruments = instruments

    async def resolve(self, symbols: Collection[str]) -> Mapping[str, Instrument]:
        found: dict[str, Instrument] = {}
        names = sorted(symbols)
        for start in range(0, len(names), _BATCH):
            request = ResolveRequest(symbols=names[start : start + _BATCH])
            answer = await self._instruments.call("POST", "/internal/instruments/resolve", ResolveAnswer, json=request)
            found.update({item.asked: item.instrument for item in answer.items})
        return found
