"""Breeze as auth uses it: opening sessions, and reading what the customer has.

The broker's adapter, the SDK and its threads come to life with the first call: a service that only signs people in pays
nothing for them.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from auth_service.application.broker_ports import CallsLeft, SessionKeys
from auth_service.domain.broker_accounts import AppKeys, OpenedSession
from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.quota import BrokerQuota
from breezeway.breeze.values import BreezeCredentials, BrokerProfile, Funds, Holding, Position
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.errors import BreezewayError, Conflict, FieldFault, InvalidInput, Unauthenticated

if TYPE_CHECKING:
    from breezeway.breeze.rest import BreezeRest
    from breezeway.breeze.transport import BreezeTransport

T = TypeVar("T")


class BreezeBroker:
    """See `broker_ports.BrokerLogins`, `broker_ports.BrokerPortfolio` and `broker_ports.CallBudget`.

    Args:
        simulator_origin: where the simulator answers; None when this instance has none.
        quota: the call limiter that all services share.
        wait: seconds that a call may wait for its turn.
    """

    def __init__(self, simulator_origin: str | None, quota: BrokerQuota, *, wait: float = 5) -> None:
        self._endpoints = {BrokerEnvironment.LIVE: BreezeEndpoints.live()}
        if simulator_origin is not None:
            self._endpoints[BrokerEnvironment.SIMULATOR] = BreezeEndpoints.single_origin(simulator_origin)
        self._quota = quota
        self._wait = wait
        self._transports: dict[BrokerEnvironment, BreezeTransport] = {}

    def check_environment(self, environment: BrokerEnvironment) -> None:
        if environment not in self._endpoints:
            message = "This instance has no simulator (BREEZE_SIMULATOR_URL is not set)."
            raise InvalidInput(
                message, code="simulator_not_configured", faults=[FieldFault("body.environment", message)]
            )

    def login_page(self, environment: BrokerEnvironment, api_key: str, state: str) -> str:
        self.check_environment(environment)
        page = self._endpoints[environment].login_page(api_key)
        # Only the simulator hands `state` on. The real page has never been seen with it, so it is spared it.
        return f"{page}&{urlencode({'state': state})}" if environment is BrokerEnvironment.SIMULATOR else page

    async def open_session(
        self, account_id: UUID, environment: BrokerEnvironment, app: AppKeys, api_session: str
    ) -> OpenedSession:
        rest = self._rest(account_id, environment)

        async def exchange() -> OpenedSession:
            login = await rest.open_session(app.api_key, app.api_secret, api_session)
            # The exchange is not signed: only a signed call shows a wrong secret, and now is when the user can mend it.
            await rest.verify()
            return OpenedSession(
                broker_user_id=login.user_id,
                session_key=login.session_key,
                api_session=api_session,
                user_name=login.user_name,
            )

        return await _translated(exchange, InvalidInput)

    async def profile(self, keys: SessionKeys) -> BrokerProfile:
        return await _translated(lambda: self._resumed(keys).customer_details(keys.session.api_session), Conflict)

    async def funds(self, keys: SessionKeys) -> Funds:
        return await _translated(lambda: self._resumed(keys).funds(), Conflict)

    async def holdings(self, keys: SessionKeys) -> Sequence[Holding]:
        return await _translated(lambda: self._resumed(keys).holdings(), Conflict)

    async def positions(self, keys: SessionKeys) -> Sequence[Position]:
        return await _translated(lambda: self._resumed(keys).positions(), Conflict)

    async def left(self, account_id: UUID) -> CallsLeft:
        budget = await self._quota.remaining(str(account_id))
        # A paused account has nothing left whatever it has used.
        paused = budget.minute == budget.day == 0
        used = None if paused else self._quota.rules.per_day - budget.day
        return CallsLeft(minute=budget.minute, today=budget.day, used_today=used)

    async def aclose(self) -> None:
        """Wait for the calls under way and close the connections."""
        for transport in self._transports.values():
            await transport.aclose()

    def _resumed(self, keys: SessionKeys) -> "BreezeRest":
        rest = self._rest(keys.account_id, keys.environment)
        rest.resume(
            BreezeCredentials(
                api_key=keys.app.api_key,
                api_secret=keys.app.api_secret,
                user_id=keys.session.broker_user_id,
                session_key=keys.session.session_key,
            )
        )
        return rest

    def _rest(self, account_id: UUID, environment: BrokerEnvironment) -> "BreezeRest":
        from breezeway.breeze.rest import BreezeRest
        from breezeway.breeze.transport import BreezeTransport

        self.check_environment(environment)
        transport = self._transports.get(environment)
        if transport is None:
            transport = self._transports[environment] = BreezeTransport(self._endpoints[environment])
        return BreezeRest(transport, self._quota, str(account_id), wait=self._wait)


async def _translated(call: Callable[[], Awaitable[T]], refusal: type[BreezewayError]) -> T:
    """Run `call`; what the broker does not accept becomes `refusal`, with its code.

    A 401 of ours says that *our* token is not valid, and makes clients refresh it or sign their user out. The broker's
    opinion of a broker session must not look like that.
    """
    try:
        return await call()
    except Unauthenticated as error:
        raise refusal(error.detail, code=error.code, context=error.context) from error
