"""Option chains: contracts from the master, prices from feed, broker or candle store, values computed.

A chain is answered whatever is away: without a broker session its prices are the last that are stored, with their age,
and without any price it still says which contracts there are.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from breezeway.clock import Clock, epoch_ms
from breezeway.contracts.broker import BrokerCredentials
from breezeway.contracts.instruments import Instrument, Right
from breezeway.errors import Conflict, InvalidInput, NotFound, RateLimited, Retryable, Unauthenticated
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.application.leg_prices import PricedLeg, StoredPrices, Tick, choose
from market_data_service.application.ports import BrokerSessions, ExchangeTime, Snapshots
from market_data_service.domain.option_chain import ChainFigures, LegQuote, LegValues, around, figures, values

_REMEMBER_SECONDS = 4.0
_REMEMBER = 200
_YEAR_SECONDS = 365 * 86_400

_EXCHANGES = ("NFO", "BFO", "MCX", "CDS")
_HOME: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in _EXCHANGES},
        **{"NSE": "NFO", "NSE_INDEX": "NFO", "BSE": "BFO", "BSE_INDEX": "BFO"},
    }
)
"""Where the options on something are listed."""

_UNDERLYING_MARKETS: Mapping[str, Sequence[str]] = MappingProxyType(
    {"NFO": ("NSE_INDEX", "NSE"), "BFO": ("BSE_INDEX", "BSE"), "CDS": ("CDS",)}
)

Side = tuple[Decimal, Right]


class Contracts(Protocol):
    """The instruments service, asked about contracts."""

    async def expiries(self, underlying: str, exchange: str, bearer: str) -> tuple[str, Sequence[date]]:
        """The underlying's code and the days on which its contracts expire, from today on.

        Raises:
            NotFound: `underlying_not_found`.
        """
        ...

    async def options(self, code: str, exchange: str, expiry: date, bearer: str) -> Sequence[Instrument]:
        """The active options of one expiry."""
        ...

    async def futures(self, code: str, exchange: str, bearer: str) -> Sequence[Instrument]:
        """The active futures, nearest expiry first."""
        ...


@dataclass(frozen=True, slots=True)
class BrokerChain:
    """The broker's rows by strike and side; `spot` is the underlying's price beside them."""

    legs: Mapping[Side, LegQuote]
    spot: float | None


class ChainBroker(Protocol):
    async def option_chain(
        self, credentials: BrokerCredentials, exchange: str, broker_code: str, expiry: date
    ) -> BrokerChain:
        """Both sides of one expiry; two broker calls. Raises: as `Broker.history`."""
        ...


@dataclass(frozen=True, slots=True)
class ChainQuery:
    """Without `exchange` all are tried, NFO first; without `expiry`, the next one. `strikes`: each side of ATM."""

    underlying: str
    exchange: str | None = None
    expiry: date | None = None
    strikes: int = 20
    greeks: bool = True
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Leg:
    instrument: Instrument
    priced: PricedLeg
    values: LegValues


@dataclass(frozen=True, slots=True)
class Chain:
    """`rows` are (strike, call, put), ascending.

    `degraded` is the error code for which the broker's prices are missing; `stale` is whether no price is fresh.
    """

    underlying: str
    exchange: str
    expiry: date
    expires_at: datetime
    years: float
    rate: float
    at: datetime
    spot: float | None
    figures: ChainFigures
    rows: Sequence[tuple[float, Leg | None, Leg | None]]
    degraded: str | None
    stale: bool


class ReadOptionChain:
    """The chain of one expiry. What the broker says is remembered for four seconds, however many users look."""

    def __init__(
        self,
        contracts: Contracts,
        snapshots: Snapshots,
        sessions: BrokerSessions,
        broker: ChainBroker,
        stored: StoredPrices,
        calendar: MarketCalendar,
        exchange_time: ExchangeTime,
        clock: Clock,
    ) -> None:
        self._contracts = contracts
        self._snapshots = snapshots
        self._sessions = sessions
        self._broker = broker
        self._stored = stored
        self._calendar = calendar
        self._time = exchange_time
        self._clock = clock
        self._remembered: dict[tuple[UUID, str, str, date], tuple[float, BrokerChain]] = {}

    async def chain(self, query: ChainQuery, user_id: UUID, bearer: str) -> Chain:
        """Raises:
        NotFound: `underlying_not_found`; `option_chain_not_found`, when it has no options of that expiry.
        """
        code, exchange, expiry, options = await self._options(query, bearer)
        broker, degraded = await self._broker_or_why(user_id, exchange, options[0].broker_code, expiry)
        ticks = await self._snapshots.latest(user_id, [each.symbol for each in options])
        unlisted = [each.symbol for each in options if _side(each) not in broker.legs]
        stored = await self._stored.newest(unlisted)
        now, now_ms = await self._time.now(), epoch_ms(self._clock.now())
        legs = {
            _side(each): (
                each,
                choose(
                    ticks.get(each.symbol),
                    broker.legs.get(_side(each)),
                    stored.get(each.symbol),
                    now_ms,
                    epoch_ms(now),
                ),
            )
            for each in options
        }
        spot = broker.spot
        if spot is None:
            spot = await self._spot(user_id, code, exchange, expiry, bearer)
        expires_at = self._expires_at(exchange, code, expiry)
        years = max(0.0, (expires_at - now).total_seconds() / _YEAR_SECONDS)
        return _build(query, (code, exchange, expiry, expires_at), years, now, spot, legs, degraded)

    async def _broker_or_why(
        self, user_id: UUID, exchange: str, broker_code: str, expiry: date
    ) -> tuple[BrokerChain, str | None]:
        """The broker's rows, or none and the code of what is in the way."""
        try:
            return await self._from_broker(user_id, exchange, broker_code, expiry), None
        except (Conflict, InvalidInput, NotFound, RateLimited, Retryable, Unauthenticated) as error:
            return BrokerChain({}, None), error.code

    async def _spot(self, user_id: UUID, code: str, exchange: str, expiry: date, bearer: str) -> float | None:
        """What the options are written on, as the feed or the candle store last saw it."""
        names = [f"{market}:{code}" for market in _UNDERLYING_MARKETS.get(exchange, ())]
        if exchange not in _UNDERLYING_MARKETS or exchange == "CDS":
            # Commodity options are written on a future.
            futures = await self._contracts.futures(code, exchange, bearer)
            names += [each.symbol for each in futures if each.expiry is not None and each.expiry >= expiry][:1]
        ticks: Mapping[str, Tick] = await self._snapshots.latest(user_id, names)
        stored = await self._stored.newest(names)
        for name in names:
            price = ticks[name].get("ltp") if name in ticks else None
            if price is None and name in stored:
                price = stored[name].close
            if price is not None:
                return float(str(price))
        return None

    async def _options(self, query: ChainQuery, bearer: str) -> tuple[str, str, date, Sequence[Instrument]]:
        code, exchange, expiries = await self._underlying(query, bearer)
        wanted = [query.expiry] if query.expiry is not None else expiries
        for expiry in wanted:
            # The first expiry of a stock may be one of which only the future is listed.
            options = await self._contracts.options(code, exchange, expiry, bearer) if expiry in expiries else ()
            if options:
                return code, exchange, expiry, options
        named = query.expiry or "any expiry"
        raise NotFound(
            f"{code} has no options of {named} on {exchange}."
            f" See /api/v1/instruments/{code}/expiries?exchange={exchange}",
            code="option_chain_not_found",
        )

    async def _underlying(self, query: ChainQuery, bearer: str) -> tuple[str, str, Sequence[date]]:
        exchanges = [query.exchange] if query.exchange is not None else list(_EXCHANGES)
        prefix = query.underlying.upper().partition(":")[0]
        if query.exchange is None and prefix in _HOME:
            exchanges = [_HOME[prefix]]
        for exchange in exchanges[:-1]:
            try:
                code, days = await self._contracts.expiries(query.underlying, exchange, bearer)
            except NotFound:
                continue
            return code, exchange, days
        code, days = await self._contracts.expiries(query.underlying, exchanges[-1], bearer)
        return code, exchanges[-1], days

    async def _from_broker(self, user_id: UUID, exchange: str, broker_code: str, expiry: date) -> BrokerChain:
        credentials = await self._sessions.credentials(user_id)
        key = (credentials.account_id, exchange, broker_code, expiry)
        known = self._remembered.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        found = await self._broker.option_chain(credentials, exchange, broker_code, expiry)
        self._remembered.pop(key, None)
        self._remembered[key] = (time.monotonic() + _REMEMBER_SECONDS, found)
        while len(self._remembered) > _REMEMBER:
            del self._remembered[next(iter(self._remembered))]
        return found

    def _expires_at(self, exchange: str, underlying: str, expiry: date) -> datetime:
        """The end of trading on the expiry day; the usual hour when the calendar has a holiday there.

        The master decides when a contract expires. That its day turns out to be a holiday shows only later.
        """
        segment = self._calendar.segment_of(exchange, underlying)
        stretches = self._calendar.continuous(segment, expiry)
        if stretches:
            return stretches[-1][1]
        usual = self._calendar.continuous(segment, self._calendar.previous_trading_day(segment, expiry))[-1][1]
        return datetime.combine(expiry, usual.timetz())


def _build(
    query: ChainQuery,
    named: tuple[str, str, date, datetime],
    years: float,
    now: datetime,
    spot: float | None,
    legs: Mapping[Side, tuple[Instrument, PricedLeg]],
    degraded: str | None,
) -> Chain:
    ordered = sorted({strike for strike, _ in legs})
    strikes = [float(strike) for strike in ordered]
    quotes = {
        right: [legs[strike, right][1].quote if (strike, right) in legs else LegQuote() for strike in ordered]
        for right in Right
    }
    whole = figures(strikes, quotes[Right.CALL], quotes[Right.PUT], years, query.rate, spot)
    part = around(strikes, whole.atm, query.strikes)
    worth = {
        right: values(strikes[part], quotes[right][part], whole.forward, years, query.rate, call=right is Right.CALL)
        if query.greeks
        else [LegValues()] * len(strikes[part])
        for right in Right
    }

    def leg(index: int, right: Right) -> Leg | None:
        found = legs.get((ordered[part][index], right))
        return None if found is None else Leg(found[0], found[1], worth[right][index])

    rows = [(strike, leg(i, Right.CALL), leg(i, Right.PUT)) for i, strike in enumerate(strikes[part])]
    code, exchange, expiry, expires_at = named
    stale = all(priced.stale for _, priced in legs.values())
    return Chain(code, exchange, expiry, expires_at, years, query.rate, now, spot, whole, rows, degraded, stale)


def _side(option: Instrument) -> Side:
    return option.strike or Decimal(0), option.right or Right.CALL
