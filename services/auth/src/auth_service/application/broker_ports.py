"""What the use cases need of the broker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from auth_service.domain.broker_accounts import AppKeys, OpenedSession
from breezeway.breeze.values import BrokerProfile, Funds, Holding, Position
from breezeway.contracts.broker import BrokerEnvironment


@dataclass(frozen=True, slots=True)
class CallsLeft:
    """What an account may still ask of the broker, and how much it has asked today; `used_today` is None while the
    account is paused."""

    minute: int
    today: int
    used_today: int | None = None


class CallBudget(Protocol):
    """The broker's call quota per account."""

    async def left(self, account_id: UUID) -> CallsLeft: ...


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """All that a signed call in an account's name needs. Never printed."""

    account_id: UUID
    environment: BrokerEnvironment
    app: AppKeys
    session: OpenedSession


class BrokerLogins(Protocol):
    """How a broker session comes to be."""

    def check_environment(self, environment: BrokerEnvironment) -> None:
        """Raise InvalidInput (`simulator_not_configured`) when this instance has no such environment."""
        ...

    def login_page(self, environment: BrokerEnvironment, api_key: str, state: str) -> str:
        """Where the user logs in; `state` comes back with the redirect where the broker carries it."""
        ...

    async def open_session(
        self, account_id: UUID, environment: BrokerEnvironment, app: AppKeys, api_session: str
    ) -> OpenedSession:
        """Exchange the value of the redirect.

        Raises Rejected or Forbidden when the broker refuses it, Retryable when it does not answer. Never
        Unauthenticated: that word is for callers whom *we* do not know.
        """
        ...


class BrokerPortfolio(Protocol):
    """What the broker says of its customer, asked now."""

    async def profile(self, keys: SessionKeys) -> BrokerProfile: ...

    async def funds(self, keys: SessionKeys) -> Funds: ...

    async def holdings(self, keys: SessionKeys) -> Sequence[Holding]: ...

    async def positions(self, keys: SessionKeys) -> Sequence[Position]: ...
