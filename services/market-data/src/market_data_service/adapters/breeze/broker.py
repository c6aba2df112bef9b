"""`Broker` over the shared Breeze client: whose session, which origin, whose quota."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Literal, cast

from breezeway.breeze.quota import CallQuota
from breezeway.breeze.rest import BreezeRest
from breezeway.breeze.transport import BreezeTransport
from breezeway.breeze.values import BreezeCredentials, BrokerInstrument
from breezeway.breeze.values import Interval as BreezeInterval
from breezeway.clock import IST
from breezeway.contracts.broker import BrokerCredentials, BrokerEnvironment
from breezeway.contracts.instruments import Instrument, InstrumentType, Right
from breezeway.errors import InvalidInput, Misconfigured, NotFound
from breezeway.intervals import Interval
from market_data_service.application.option_chain import BrokerChain
from market_data_service.application.ports import BrokerQuote, HistoryAnswer
from market_data_service.domain.option_chain import LegQuote

_KINDS: Mapping[InstrumentType, Literal["equity", "index", "future", "option"]] = {
    InstrumentType.EQUITY: "equity",
    InstrumentType.INDEX: "index",
    InstrumentType.FUTURE: "future",
    InstrumentType.OPTION: "option",
}

_CLIENTS = 256
"""Sessions whose clients are kept."""


class BreezeBroker:
    """Calls Breeze in a user's name.

    Args:
        transports: one for each environment that this deployment knows.
        quota: the limiter that all processes share.
        wait: seconds that a call may wait for its turn.
    """

    def __init__(
        self, transports: Mapping[BrokerEnvironment, BreezeTransport], quota: CallQuota, *, wait: float = 5
    ) -> None:
        self._transports = transports
        self._quota = quota
        self._wait = wait
        self._clients: OrderedDict[tuple[str, str, str], BreezeRest] = OrderedDict()

    async def history(
        self, credentials: BrokerCredentials, instrument: Instrument, interval: Interval, start: datetime, end: datetime
    ) -> HistoryAnswer:
        if interval is Interval.DAY_1:
            # Day bars carry midnight, which lies before the session that the window begins with.
            start = start.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
            last = (end - timedelta(seconds=1)).astimezone(IST)
            end = last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        page = await self._client(credentials).historical(
            _instrument(instrument), cast(BreezeInterval, interval.value), start, end
        )
        return HistoryAnswer(page.candles, refused=page.refused, truncated=page.truncated)

    async def quote(self, credentials: BrokerCredentials, instrument: Instrument) -> BrokerQuote:
        found = await self._client(credentials).quotes(_instrument(instrument))
        if found.last is None:
            raise NotFound(f"The broker has no price of {instrument.symbol}.", code="quote_not_found")
        return BrokerQuote(
            ltp=found.last,
            at=found.at,
            bid=found.bid,
            bid_qty=found.bid_quantity,
            ask=found.ask,
            ask_qty=found.ask_quantity,
            open=found.open,
            high=found.high,
            low=found.low,
            prev_close=found.previous_close,
            change_pct=found.change_percent,
            volume=found.volume,
            lower_band=found.lower_circuit,
            upper_band=found.upper_circuit,
        )

    async def option_chain(
        self, credentials: BrokerCredentials, exchange: str, broker_code: str, expiry: date
    ) -> BrokerChain:
        rows = await self._client(credentials).option_chain(exchange, broker_code, expiry)
        legs = {
            (row.strike, Right.CALL if row.right == "CE" else Right.PUT): LegQuote(
                row.last,
                row.bid,
                row.ask,
                row.volume,
                row.open_interest,
                row.open_interest_change,
                row.previous_close,
            )
            for row in rows
            if row.strike is not None and row.right is not None
        }
        return BrokerChain(legs, next((row.spot for row in rows if row.spot), None))

    def _client(self, credentials: BrokerCredentials) -> BreezeRest:
        transport = self._transports.get(credentials.environment)
        if transport is None:
            raise Misconfigured(
                f"This deployment has no {credentials.environment} broker; set BREEZE_SIMULATOR_URL.",
                code="broker_not_configured",
            )
        # The SDK makes a good many objects for a client; a session's is used for all of its calls.
        account, session_key = str(credentials.account_id), credentials.session_key.get_secret_value()
        key = (account, credentials.api_key.get_secret_value(), session_key)
        client = self._clients.pop(key, None)
        if client is None:
            client = BreezeRest(transport, self._quota, account, wait=self._wait)
            client.resume(
                BreezeCredentials(
                    api_key=credentials.api_key.get_secret_value(),
                    api_secret=credentials.api_secret.get_secret_value(),
                    user_id=credentials.broker_user_id,
                    session_key=session_key,
                )
            )
        self._clients[key] = client
        while len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return client


def _instrument(instrument: Instrument) -> BrokerInstrument:
    kind = _KINDS.get(instrument.type)
    if kind is None:
        raise InvalidInput(f"The broker has no history of a {instrument.type}.", code="unsupported_instrument")
    right: Literal["CE", "PE"] | None = None
    if instrument.right is not None:
        right = "CE" if instrument.right is Right.CALL else "PE"
    return BrokerInstrument(
        exchange=instrument.exchange,
        broker_code=instrument.broker_code,
        kind=kind,
        expiry=instrument.expiry,
        strike=instrument.strike,
        right=right,
    )
