"""Development only: opening the demo user's session at the simulator again after midnight, as a person would."""

from typing import Protocol

from auth_service.application.broker_connections import BrokerConnections
from auth_service.application.ports import UnitsOfWork
from auth_service.domain.audit import Origin
from auth_service.domain.users import normalise_email
from breezeway.clock import Clock

_BATCH = 10


class SimulatorLogins(Protocol):
    """The login page of the simulator, which asks for nothing."""

    async def log_in(self, api_key: str) -> str:
        """A fresh `apisession`. Raises UpstreamUnavailable."""
        ...


class DemoRenewal:
    """Renews what midnight has ended: not what a user or a fault has."""

    def __init__(
        self, units: UnitsOfWork, simulator: SimulatorLogins, connections: BrokerConnections, clock: Clock, email: str
    ) -> None:
        self._units = units
        self._simulator = simulator
        self._connections = connections
        self._clock = clock
        self._email = normalise_email(email)

    async def renew(self) -> int:
        """Connect again; returns how many were. Raises what the simulator's refusal maps to."""
        async with self._units() as work:
            user = await work.users.by_email(self._email)
            if user is None or not user.is_active:
                return 0
            ended = await work.broker_sessions.ended_by_midnight(user.id, self._clock.now(), _BATCH)
            keys = [(record.account_id, await work.broker_accounts.keys(record.account_id)) for record in ended]
        for account_id, app in keys:
            api_session = await self._simulator.log_in(app.api_key)
            await self._connections.connect(user.id, account_id, api_session, Origin())
        return len(keys)
