"""The option chain over HTTP: contracts from instruments, prices from broker and feed, few broker calls."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI, Request

from breezeway.clock import SystemClock, epoch_ms
from breezeway.contracts.instruments import Instrument, InstrumentType, Right
from breezeway.errors import BreezewayError, Conflict, InvalidInput, NotFound, RateLimited, UpstreamUnavailable
from breezeway.http.app import Check, create_service
from breezeway.http.client import ServiceClient
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.options import black76
from breezeway.security.service_tokens import ServiceTokens
from breezeway.security.tokens import Principal
from market_data_service.adapters.upstream.contracts import HttpContracts
from market_data_service.api import option_chain
from market_data_service.application.leg_prices import StoredPrice
from market_data_service.application.option_chain import BrokerChain, ReadOptionChain
from market_data_service.domain.option_chain import LegQuote

EXPIRY = date(2026, 11, 24)
FUTURE_ONLY = date(2026, 11, 23)
STRIKES = [Decimal(strike) for strike in range(25_000, 27_050, 50)]
FORWARD = 26_013.0


def option(strike: Decimal, right: Right) -> Instrument:
    return Instrument(
        instrument_id=int(strike) * 2 + (right is Right.PUT),
        symbol=f"NFO:NIFTY24NOV26{strike}{'CE' if right is Right.CALL else 'PE'}",
        exchange="NFO",
        segment="derivatives",
        type=InstrumentType.OPTION,
        name="NIFTY",
        lot_size=65,
        tick_size=Decimal("0.05"),
        expiry=EXPIRY,
        strike=strike,
        right=right,
        underlying="NIFTY",
        broker_code="NIFTY",
        broker_token=None,
    )


def crude_future() -> Instrument:
    changes = {"symbol": "MCX:CRUDEOIL18DEC26FUT", "type": InstrumentType.FUTURE, "expiry": date(2026, 12, 18)}
    return crude_call().model_copy(update=changes | {"strike": None, "right": None})


def crude_call() -> Instrument:
    changes = {"symbol": "MCX:CRUDEOIL24NOV265500CE", "exchange": "MCX", "underlying": "CRUDEOIL"}
    return option(Decimal(5_500), Right.CALL).model_copy(update=changes | {"broker_code": "CRUDE"})


@dataclass
class FakeChainBroker:
    years: float
    calls: int = 0

    async def option_chain(self, credentials: object, exchange: str, broker_code: str, expiry: date) -> BrokerChain:
        self.calls += 1
        if exchange not in ("NFO", "BFO"):
            raise InvalidInput("no chain there", code="broker_refused_input")
        legs = {
            (strike, right): LegQuote(
                ltp=float(black76.price(FORWARD, float(strike), self.years, 0.13, right is Right.CALL)),
                oi=1_000 if right is Right.CALL else 1_500,
                oi_change=-10,
                volume=5,
            )
            for strike in STRIKES
            for right in Right
        }
        return BrokerChain(legs, 26_000.0)


@dataclass
class FakeStoredPrices:
    """A store that knows what it was told."""

    known: dict[str, StoredPrice] = field(default_factory=dict)

    async def newest(self, symbols: Sequence[str]) -> Mapping[str, StoredPrice]:
        return {symbol: self.known[symbol] for symbol in symbols if symbol in self.known}


@dataclass
class Chains:
    client: httpx.AsyncClient
    broker: FakeChainBroker
    stored: FakeStoredPrices
    outside: Any
    asked: list[str] = field(default_factory=list)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params)


def instruments_service(asked: list[str]) -> APIRouter:
    """As much of the instruments service as a chain needs, with small pages."""
    app = APIRouter()

    @app.get("/api/v1/instruments/{underlying}/expiries")
    async def expiries(underlying: str, exchange: str) -> dict[str, Any]:
        if underlying.rpartition(":")[2] == "CRUDEOIL" and exchange == "MCX":
            return {"underlying": "CRUDEOIL", "exchange": exchange, "items": [EXPIRY.isoformat()]}
        if underlying.rpartition(":")[2] != "NIFTY" or exchange != "NFO":
            raise NotFound("none", code="underlying_not_found")
        return {"underlying": "NIFTY", "exchange": exchange, "items": [FUTURE_ONLY.isoformat(), EXPIRY.isoformat()]}

    @app.get("/api/v1/instruments")
    async def listing(request: Request, exchange: str, expiry: date = FUTURE_ONLY, cursor: int = 0) -> dict[str, Any]:
        asked.append(str(request.query_params))
        if exchange == "MCX":
            of_crude = [crude_future()] if request.query_params["type"] == "future" else [crude_call()]
            return {"items": [each.model_dump(mode="json") for each in of_crude], "next": None}
        everything = [option(strike, right) for strike in STRIKES for right in Right] if expiry == EXPIRY else []
        part: Sequence[Instrument] = everything[cursor : cursor + 50]
        following = str(cursor + 50) if cursor + 50 < len(everything) else None
        return {"items": [each.model_dump(mode="json") for each in part], "next": following}

    return app


@pytest_asyncio.fixture
async def chains(outside: Any) -> AsyncIterator[Chains]:
    class Everyone:
        async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
            return Principal(outside.user_id, "user", frozenset({"read", "data"}), "s", "t", 2_000_000_000)

    async def build(app: FastAPI, _stack: AsyncExitStack) -> Mapping[str, Check]:
        return {}

    outside.time.at = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
    years = (datetime(2026, 11, 24, 10, 10, tzinfo=UTC) - outside.time.at).total_seconds() / (365 * 86_400)
    broker = FakeChainBroker(years)
    asked: list[str] = []
    upstream = create_service("instruments", build=build)
    upstream.include_router(instruments_service(asked))
    app = create_service("test", build=build)
    app.include_router(option_chain.router)
    app.state.authenticator = Everyone()
    service = ServiceClient(
        "http://instruments",
        "instruments",
        ServiceTokens("k" * 40, "market-data"),
        transport=httpx.ASGITransport(upstream),
    )
    stored = FakeStoredPrices()
    app.state.option_chain = ReadOptionChain(
        HttpContracts(service),
        outside.snapshots,
        outside.sessions,
        broker,
        stored,
        MarketCalendar.default(),
        outside.time,
        SystemClock(),
    )
    headers = {"Authorization": "Bearer token"}
    transport = httpx.ASGITransport(app)
    async with service, httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield Chains(client, broker, stored, outside, asked)


async def test_a_chain_with_prices_volatilities_and_figures(chains: Chains) -> None:
    answer = await chains.get("/api/v1/option-chain/NIFTY", strikes=5)
    body = answer.json()
    assert answer.status_code == 200, body
    # The nearest expiry has no options; the chain is of the next.
    assert (body["underlying"], body["exchange"], body["expiry"]) == ("NIFTY", "NFO", "2026-11-24")
    assert body["expires_at"] == "2026-11-24T15:40:00+05:30"
    assert (body["spot"], body["atm"], body["pcr"], body["pcr_volume"]) == (26_000, 26_000, 1.5, 1)
    assert abs(body["forward"] - FORWARD) < 1e-6
    assert [each["strike"] for each in body["strikes"]] == list(range(25_750, 26_300, 50))
    for each in body["strikes"]:
        assert each["call"]["symbol"] == f"NFO:NIFTY24NOV26{each['strike']:.0f}CE"
        assert abs(each["call"]["iv"] - 0.13) < 1e-6
        assert abs(each["put"]["iv"] - 0.13) < 1e-6
        assert 0 < each["call"]["delta"] < 1
        assert -1 < each["put"]["delta"] < 0
        assert (each["put"]["oi"], each["put"]["oi_change"], each["put"]["live"]) == (1_500, -10, False)
    assert body["max_pain"] in [float(strike) for strike in STRIKES]


async def test_looking_again_costs_no_broker_call_and_no_page(chains: Chains) -> None:
    for path in ("NIFTY", "NSE_INDEX:NIFTY", "NIFTY"):
        assert (await chains.get(f"/api/v1/option-chain/{path}", expiry="2026-11-24")).status_code == 200
    assert chains.broker.calls == 1
    assert len(chains.asked) == 2


async def test_the_users_feed_knows_better_than_the_broker(chains: Chains) -> None:
    symbol = "NFO:NIFTY24NOV2626000CE"
    now = epoch_ms(SystemClock().now())
    tick = {"type": "tick", "symbol": symbol, "ltp": 301.5, "bid": 301.0, "ask": 302.0, "oi": 4_321, "volume": None}
    chains.outside.snapshots.ticks = {symbol: {**tick, "ts": now}}
    body = (await chains.get("/api/v1/option-chain/NIFTY", strikes=1, greeks="false")).json()
    call = next(each for each in body["strikes"] if each["strike"] == 26_000)["call"]
    assert (call["ltp"], call["bid"], call["oi"], call["volume"], call["live"]) == (301.5, 301.0, 4_321, 5, True)
    assert call["iv"] is None
    chains.outside.snapshots.ticks = {symbol: {**tick, "ts": now - 60_000}}
    stale = (await chains.get("/api/v1/option-chain/NIFTY", strikes=1)).json()
    assert not any(each["call"]["live"] for each in stale["strikes"])


async def test_what_a_chain_refuses(chains: Chains) -> None:
    for path, params, status, code in (
        ("NOTHING", {}, 404, "underlying_not_found"),
        ("NIFTY", {"exchange": "BFO"}, 404, "underlying_not_found"),
        ("NIFTY", {"expiry": "2026-11-25"}, 404, "option_chain_not_found"),
        ("NIFTY", {"expiry": FUTURE_ONLY.isoformat()}, 404, "option_chain_not_found"),
        ("NIFTY", {"strikes": "0"}, 422, "invalid_input"),
        ("NIFTY", {"exchange": "NSE"}, 422, "invalid_input"),
    ):
        answer = await chains.get(f"/api/v1/option-chain/{path}", **params)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
    nobody = await chains.client.get("/api/v1/option-chain/NIFTY", headers={"Authorization": ""})
    assert nobody.status_code == 401


@pytest.mark.parametrize(
    "error",
    [
        Conflict("connect first", code="broker_session_required"),
        RateLimited("later", code="broker_quota_exhausted"),
        UpstreamUnavailable("away", code="broker_unavailable"),
    ],
)
async def test_without_the_broker_the_last_stored_prices_are_shown_as_stale(
    chains: Chains, error: BreezewayError
) -> None:
    chains.outside.sessions.error = error
    at = datetime(2026, 11, 19, 10, 10, tzinfo=UTC)
    years = chains.broker.years
    for strike in STRIKES:
        for right in Right:
            close = float(black76.price(FORWARD, float(strike), years, 0.13, right is Right.CALL))
            price = StoredPrice(at, close, 7, 900, close - 1, 1_000)
            chains.stored.known[option(strike, right).symbol] = price
    chains.stored.known["NSE_INDEX:NIFTY"] = StoredPrice(at, 26_003.5, 0)
    body = (await chains.get("/api/v1/option-chain/NIFTY", strikes=2)).json()
    assert (body["stale"], body["degraded"], body["spot"], body["atm"]) == (True, error.code, 26_003.5, 26_000)
    assert abs(body["forward"] - FORWARD) < 1e-6
    call = body["strikes"][2]["call"]
    assert (call["source"], call["stale"], call["live"], call["oi"], call["oi_change"]) == (
        "stored", True, False, 900, -100
    )  # fmt: skip
    assert call["age_ms"] == (chains.outside.time.at - at).total_seconds() * 1_000
    assert abs(call["iv"] - 0.13) < 1e-6


async def test_without_any_price_the_contracts_are_still_there(chains: Chains) -> None:
    chains.outside.sessions.error = Conflict("connect first", code="broker_session_required")
    body = (await chains.get("/api/v1/option-chain/NIFTY", strikes=2)).json()
    assert (body["stale"], body["spot"], body["forward"], body["atm"], body["pcr"]) == (True, None, None, None, None)
    assert len(body["strikes"]) == 5
    assert {each["call"]["ltp"] for each in body["strikes"]} == {None}
    assert {each["call"]["age_ms"] for each in body["strikes"]} == {None}


async def test_an_old_tick_is_better_than_an_older_candle(chains: Chains) -> None:
    chains.outside.sessions.error = Conflict("connect first", code="broker_session_required")
    symbol = "NFO:NIFTY24NOV2626000CE"
    chains.stored.known[symbol] = StoredPrice(datetime(2026, 11, 19, 10, 10, tzinfo=UTC), 99.0, 7, 900, 98.0, 1_000)
    tick = {"type": "tick", "symbol": symbol, "ltp": 301.5, "oi": 950, "ts": epoch_ms(SystemClock().now()) - 60_000}
    chains.outside.snapshots.ticks = {symbol: tick}
    body = (await chains.get("/api/v1/option-chain/NIFTY", strikes=500)).json()
    call = next(each for each in body["strikes"] if each["strike"] == 26_000)["call"]
    assert (call["ltp"], call["source"], call["stale"], call["live"]) == (301.5, "feed", True, False)
    assert (call["oi"], call["oi_change"], call["prev_close"]) == (950, -50, 98.0)
    assert 60_000 <= call["age_ms"] < 90_000


@pytest.mark.parametrize("path", ["MCX:CRUDEOIL", "CRUDEOIL"])
async def test_a_commoditys_chain_is_of_its_future(chains: Chains, path: str) -> None:
    """The broker has no chain of commodities; the prices are those of feed and store."""
    at = datetime(2026, 11, 20, 4, 59, 55, tzinfo=UTC)
    chains.stored.known["MCX:CRUDEOIL18DEC26FUT"] = StoredPrice(at, 5_512.0, 10, 4_000)
    chains.stored.known["MCX:CRUDEOIL24NOV265500CE"] = StoredPrice(at, 120.0, 3, 50)
    body = (await chains.get(f"/api/v1/option-chain/{path}")).json()
    assert (body["exchange"], body["spot"], body["atm"], body["degraded"]) == (
        "MCX", 5_512, 5_500, "broker_refused_input"
    )  # fmt: skip
    assert body["expires_at"] == "2026-11-24T23:55:00+05:30"
    (row,) = body["strikes"]
    assert (row["call"]["ltp"], row["call"]["stale"], row["put"], body["stale"]) == (120, False, None, False)
