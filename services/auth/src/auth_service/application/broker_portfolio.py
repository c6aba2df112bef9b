"""What the broker says of its customer, passed on as it is now."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from auth_service.application.broker_connections import BrokerConnections
from auth_service.application.broker_ports import BrokerPortfolio, SessionKeys
from auth_service.application.service_access import ServiceAccess
from auth_service.domain.broker_sessions import Event
from breezeway.breeze.values import BrokerProfile, Funds, Holding, Position
from breezeway.errors import BreezewayError

T = TypeVar("T")

_SESSION_OVER = {
    "broker_session_expired": Event.EXPIRE,
    "broker_bad_session": Event.REJECT,
    "broker_bad_app_key": Event.REJECT,
    "broker_bad_secret": Event.REJECT,
}
"""Refusals that say that the session is of no use any more, whatever we had written down."""


class PortfolioDesk:
    """Asks the broker in the name of a user's own account.

    Raises, from every method: NotFound, Conflict (`broker_session_inactive`), and whatever the broker's refusal
    maps to; a refusal of the session itself is written down, so that the account reads `expired` or `rejected`
    afterwards.
    """

    def __init__(self, access: ServiceAccess, portfolio: BrokerPortfolio, connections: BrokerConnections) -> None:
        self._access = access
        self._portfolio = portfolio
        self._connections = connections

    async def profile(self, user_id: UUID, account_id: UUID) -> BrokerProfile:
        return await self._ask(user_id, account_id, self._portfolio.profile)

    async def funds(self, user_id: UUID, account_id: UUID) -> Funds:
        return await self._ask(user_id, account_id, self._portfolio.funds)

    async def holdings(self, user_id: UUID, account_id: UUID) -> Sequence[Holding]:
        return await self._ask(user_id, account_id, self._portfolio.holdings)

    async def positions(self, user_id: UUID, account_id: UUID) -> Sequence[Position]:
        return await self._ask(user_id, account_id, self._portfolio.positions)

    async def _ask(self, user_id: UUID, account_id: UUID, question: Callable[[SessionKeys], Awaitable[T]]) -> T:
        record, keys = await self._access.own_keys(user_id, account_id)
        try:
            return await question(keys)
        except BreezewayError as refusal:
            if (event := _SESSION_OVER.get(refusal.code)) is not None:
                await self._connections.report(account_id, record.version, event, refusal.detail, "auth")
            raise
