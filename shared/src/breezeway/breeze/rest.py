"""The broker's REST calls for one account, async, limited, with our values and our errors.

Every call passes the shared limiter, runs the official SDK in a bounded thread pool, and either returns values of
`values` or raises the errors of `mapping`. Nothing here retries: the caller knows what it can afford.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar

from breezeway.breeze import _wire as wire
from breezeway.breeze.events import Right
from breezeway.breeze.mapping import ORDER_RATE, Answer, Call, failure, is_empty
from breezeway.breeze.quota import CallQuota
from breezeway.breeze.transport import BreezeTransport, Exchange
from breezeway.breeze.values import (
    BreezeCredentials,
    BrokerInstrument,
    BrokerLogin,
    BrokerProfile,
    BrokerQuote,
    Funds,
    HistoryPage,
    Holding,
    Interval,
    Position,
)
from breezeway.errors import BreezewayError, InvalidInput, NotFound, RateLimited, Unauthenticated, UpstreamFault
from breezeway.observability import tracing
from breezeway.observability.red import BROKER_CALLS

Result = TypeVar("Result")


class BreezeRest:
    """One broker account. Open a session or resume one before calling anything else.

    Args:
        transport: shared by all accounts of the same broker; the caller closes it.
        quota: the limiter that all processes share.
        account_id: whose budget is spent.
        wait: seconds that a call may wait for its turn before it raises RateLimited.
    """

    def __init__(self, transport: BreezeTransport, quota: CallQuota, account_id: str, *, wait: float = 10) -> None:
        self._transport = transport
        self._quota = quota
        self._account_id = account_id
        self._wait = wait
        self._credentials: BreezeCredentials | None = None
        self._handler: Any = None
        self._proven = False

    async def open_session(self, api_key: str, api_secret: str, api_session: str) -> BrokerLogin:
        """Exchange the `apisession` of the login redirect for a session, and use it from now on.

        The broker does not sign this call, so a wrong secret shows only at the next one: see `verify`. Raises
        Unauthenticated with `broker_session_expired`, `broker_bad_session` or `broker_bad_app_key`.
        """
        sdk = await self._transport.sdk()
        client = sdk.BreezeConnect(api_key)
        success = await self._run("login", lambda: client.generate_session(api_secret, api_session))
        profile = self._read(lambda: wire.profile(success))
        if client.api_handler is None or not client.user_id or not client.session_key:
            raise _bad_answer()
        login = BrokerLogin(
            user_id=client.user_id, session_key=client.session_key, user_name=profile.user_name, profile=profile
        )
        self.resume(BreezeCredentials(api_key, api_secret, login.user_id, login.session_key))
        self._handler = client.api_handler
        self._proven = False
        return login

    def resume(self, credentials: BreezeCredentials) -> None:
        """Use a session that was opened before, by any process. Calls nobody."""
        self._credentials = credentials
        self._handler = None
        self._proven = True

    async def verify(self) -> None:
        """One signed call, to learn whether key, secret and session belong together."""
        await self._ask("read", lambda handler: handler.get_funds())

    async def customer_details(self, api_session: str) -> BrokerProfile:
        """The profile; the broker wants the `apisession` of the login for it, not the session."""
        success = await self._ask("login", lambda handler: handler.get_customer_details(api_session))
        return self._read(lambda: wire.profile(success))

    async def funds(self) -> Funds:
        success = await self._ask("read", lambda handler: handler.get_funds())
        return self._read(lambda: wire.funds(success))

    async def holdings(self, exchange: str = "NSE") -> list[Holding]:
        """The demat account, with the portfolio's prices. Two calls."""
        demat = await self._ask("read", lambda handler: handler.get_demat_holdings())
        portfolio = await self._ask(
            "read", lambda handler: handler.get_portfolio_holdings(wire.EXCHANGES[exchange], "", "", "", "")
        )
        return self._read(lambda: wire.holdings(wire.rows_of(demat), wire.rows_of(portfolio)))

    async def positions(self) -> list[Position]:
        success = await self._ask("read", lambda handler: handler.get_portfolio_positions())
        return self._read(lambda: [wire.position(row) for row in wire.rows_of(success)])

    async def quotes(self, instrument: BrokerInstrument) -> BrokerQuote:
        """One live quote. Raises NotFound with `broker_no_data` or `broker_unknown_instrument`."""
        named = _named(instrument)
        arguments = {"expiry_date": "", "right": "", "strike_price": "", **named}
        success = await self._ask("read", lambda handler: handler.get_quotes(**arguments))
        rows = self._read(lambda: wire.rows_of(success))
        if not rows:
            raise NotFound("The broker has no quote for this instrument.", code="broker_no_data")
        row = wire.pick_quote(rows, named["exchange_code"])
        return self._read(lambda: wire.quote(row, instrument.exchange))

    async def option_chain(
        self, exchange: str, broker_code: str, expiry: date, right: Right | None = None
    ) -> list[BrokerQuote]:
        """Live options of one expiry, calls first, by strike; both sides cost two calls. Expired ones give nothing."""
        if exchange not in ("NFO", "BFO"):
            raise InvalidInput("Option chains exist on NFO and BFO.", code="broker_refused_input")
        sides: tuple[Right, ...] = ("CE", "PE") if right is None else (right,)
        chain: list[BrokerQuote] = []
        for side in sides:
            success = await self._ask("read", _chain_call(exchange, broker_code, expiry, side))
            chain += self._read(partial(wire.quotes, success, exchange))
        return sorted(chain, key=lambda row: (row.right or "", row.strike or 0))

    async def historical(
        self, instrument: BrokerInstrument, interval: Interval, start: datetime, end: datetime
    ) -> HistoryPage:
        """v2 history: bars that start in `[start, end)`, both aware. At most 1,000 rows come, from which end is not
        documented, so ask for less; an unknown instrument and a span without trades both give an empty page."""
        return await self._history("get_historical_data_v2", instrument, interval, start, end)

    async def historical_v1(
        self, instrument: BrokerInstrument, interval: Interval, start: datetime, end: datetime
    ) -> HistoryPage:
        """v1 history, which differs from v2 in its numbers and knows neither seconds nor BSE. Raises NotFound with
        `broker_unknown_instrument`."""
        return await self._history("get_historical_data", instrument, interval, start, end)

    async def _history(
        self, method: str, instrument: BrokerInstrument, interval: Interval, start: datetime, end: datetime
    ) -> HistoryPage:
        if start.tzinfo is None or end.tzinfo is None or start >= end:
            raise InvalidInput("History needs two aware times in order.", code="broker_refused_input")
        if interval not in wire.INTERVALS:
            raise InvalidInput(f"The broker has no bars of {interval}.", code="broker_refused_input")
        arguments = {
            "expiry_date": "",
            "right": "",
            "strike_price": "",
            **_named(instrument),
            "interval": wire.INTERVALS[interval],
            "from_date": wire.wire_time(start),
            "to_date": wire.wire_time(wire.last_second(end)),
        }
        success = await self._ask("history", lambda handler: getattr(handler, method)(**arguments))
        return self._read(lambda: wire.history_page(success, start, end, interval))

    async def _ask(self, call: Call, function: Callable[[Any], object]) -> object:
        handler = await self._bound()
        return await self._run(call, lambda: function(handler))

    async def _bound(self) -> Any:
        if self._handler is None:
            if self._credentials is None:
                raise Unauthenticated("No broker session is open.", code="broker_not_connected")
            sdk = await self._transport.sdk()
            client = sdk.BreezeConnect(self._credentials.api_key)
            client.user_id = self._credentials.user_id
            client.session_key = self._credentials.session_key
            client.secret_key = self._credentials.api_secret
            self._handler = sdk.ApificationBreeze(client)
        return self._handler

    async def _run(self, call: Call, function: Callable[[], object]) -> object:
        await self._quota.acquire(self._account_id, wait=self._wait)
        with tracing.span(f"breeze {call}", "client"), BROKER_CALLS.timing(call) as outcome:
            returned, exchange = await self._transport.call(function)
            try:
                success = await self._success(call, returned, exchange)
            except BreezewayError as error:
                outcome[0] = error.code
                raise
        self._proven = self._proven or call == "read"
        return success

    async def _success(self, call: Call, returned: object, exchange: Exchange) -> object:
        if exchange.failure is not None:
            raise exchange.failure
        answered = exchange.answer is not None
        envelope = exchange.envelope if answered else returned
        error = failure(exchange.answer or Answer(None, ""), envelope, call, proven=self._proven)
        if isinstance(error, RateLimited) and error.code != ORDER_RATE:
            # The broker counts calls that we do not see; everybody on this account holds back together.
            error.retry_after = await self._quota.cool_down(self._account_id, error.code)
        if error is not None:
            raise error
        if not isinstance(envelope, Mapping):
            raise _bad_answer()
        return [] if is_empty(envelope) else envelope.get("Success")

    @staticmethod
    def _read(parse: Callable[[], Result]) -> Result:
        try:
            return parse()
        except wire.BadAnswer as error:
            raise _bad_answer() from error


def _named(instrument: BrokerInstrument) -> dict[str, str]:
    try:
        return wire.wire_contract(instrument)
    except (KeyError, ValueError) as error:
        raise InvalidInput("The broker cannot be asked for this instrument.", code="broker_refused_input") from error


def _chain_call(exchange: str, broker_code: str, expiry: date, side: Right) -> Callable[[Any], object]:
    def call(handler: Any) -> object:
        return handler.get_option_chain_quotes(
            stock_code=broker_code,
            exchange_code=exchange,
            expiry_date=wire.wire_expiry(expiry),
            product_type="options",
            right=wire.wire_right(side),
            strike_price="",
        )

    return call


def _bad_answer() -> UpstreamFault:
    return UpstreamFault("The broker's answer has an unknown form.", code="broker_bad_answer", retry_after=2)
