"""Who may have a live account: where the operator allows it, to somebody who has just proved both factors."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from breezeway.clock import Clock
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.errors import Forbidden, InvalidInput, NotFound

FRESH = timedelta(minutes=5)
"""How long ago the second factor may have been proved."""


class Sessions(Protocol):
    async def credentials(self, account_id: UUID) -> BrokerCredentials: ...


@dataclass(frozen=True, slots=True)
class LiveGate:
    """
    Args:
        environments: brokers that live accounts may use; none where live trading is off.
    """

    environments: frozenset[BrokerEnvironment]
    sessions: Sessions
    wall: Clock

    async def admit(self, user_id: UUID, broker_account_id: UUID | None, proved_at: datetime | None) -> UUID:
        """The broker account of a live account that may be opened.

        Raises:
            Forbidden: `live_trading_disabled`; `step_up_required`, unless the second factor was proved just now.
            InvalidInput: `broker_account_required`.
            NotFound: `broker_account_not_found`, also for somebody else's.
            Conflict: `broker_session_inactive`.
        """
        if not self.environments:
            raise disabled()
        if broker_account_id is None:
            raise InvalidInput("Name the broker account of the live account.", code="broker_account_required")
        self.check_fresh(proved_at)
        credentials = await self.sessions.credentials(broker_account_id)
        if credentials.user_id != user_id:
            raise NotFound("There is no such broker account.", code="broker_account_not_found")
        if credentials.environment not in self.environments:
            raise Forbidden(
                f"The operator has not enabled live orders to the {credentials.environment} broker.",
                code="live_trading_disabled",
            )
        return broker_account_id

    def check_fresh(self, proved_at: datetime | None) -> None:
        """Raises Forbidden `step_up_required`."""
        if proved_at is None or self.wall.now() - proved_at > FRESH:
            raise Forbidden(
                "This takes a fresh second factor. Turn on two-factor sign-in if it is off, then use a token of "
                "POST /api/v1/auth/mfa/step-up.",
                code="step_up_required",
            )


def disabled() -> Forbidden:
    """What everybody is told where live trading is off."""
    return Forbidden("Live trading is not enabled here; open a paper account.", code="live_trading_disabled")
