"""A small market for the tests of the broker's surface: seven instruments whose prices stand still until pushed."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
import uvicorn

from breeze_simulator.application.ports import EmitBars, EmitTicks
from breeze_simulator.domain import signing
from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.instruments import Instrument, Product, Universe
from breeze_simulator.domain.market_types import (
    INTERVAL_SECONDS,
    BarInterval,
    Bars,
    ClosedBar,
    Depth,
    Level,
    Snapshot,
    Tick,
)
from breeze_simulator.main import create_app
from breeze_simulator.settings import Settings
from breezeway.clock import IST
from breezeway.testing.clock import FixedClock
from breezeway.testing.eventually import eventually

EXPIRY = date(2026, 8, 25)
NOW = datetime(2026, 8, 3, 5, 0, tzinfo=UTC)  # a Monday, 10:30 in India


def _instrument(exchange: str, code: str, token: str, kind: str, **more: Any) -> Instrument:
    given: dict[str, Any] = {
        "exchange_symbol": code,
        "name": code,
        "series": "EQ",
        "isin": "INE002A01018",
        "lot_size": 1,
        "tick_size": 0.05,
    }
    return Instrument(exchange=exchange, stock_code=code, token=token, kind=kind, **(given | more))  # type: ignore[arg-type]


def _option(exchange: str, code: str, token: str, right: str) -> Instrument:
    strike: dict[str, Any] = {"expiry": EXPIRY, "strike": 24500.0, "strike_text": "24500", "right": right}
    return _instrument(exchange, code, token, "option", series="OPTION", lot_size=65, underlying=code, **strike)


INSTRUMENTS = (
    _instrument("NSE", "RELIND", "2885", "equity", exchange_symbol="RELIANCE"),
    _instrument("BSE", "RELIND", "500325", "equity", exchange_symbol="RELIANCE"),
    _instrument("NSE", "NIFTY", "NIFTY 50", "index", series="0"),
    _instrument("NFO", "NIFTY", "35001", "future", series="FUTURE", expiry=EXPIRY, lot_size=65, underlying="NIFTY"),
    _option("NFO", "NIFTY", "47869", "call"),
    _option("NFO", "NIFTY", "47870", "put"),
    _option("BFO", "BSESEN", "844663", "call"),
)


def make_snapshot(**changes: Any) -> Snapshot:
    """A quote in which every field has a value of its own."""
    values: dict[str, Any] = {
        "last": 894.75,
        "open": 885.0,
        "high": 896.0,
        "low": 884.0,
        "prev_close": 886.5,
        "ltq": 2,
        "volume": 786_772,
        "avg_price": 891.46,
        "turnover": 701_400_000.0,
        "bid": 894.7,
        "bid_qty": 15,
        "ask": 894.8,
        "ask_qty": 561,
        "total_buy_qty": 280_490,
        "total_sell_qty": 296_628,
        "oi": 37_020,
        "chg_oi": 12_880,
        "lower_circuit": 797.85,
        "upper_circuit": 975.15,
        "ltt": NOW,
        "spot": 24_510.2,
    }
    return Snapshot(**(values | changes))


class FakeMarket:
    """Satisfies `LiveMarket`. Bars are one a minute from 09:15 to 15:29 IST, priced by their position."""

    def __init__(self, clock: SimClock | None = None) -> None:
        self.universe = Universe(INSTRUMENTS)
        self.clock = clock
        self.tick_rate = 1.0
        self.watched: Counter[str] = Counter()
        self.watched_bars: Counter[str] = Counter()
        self.quote: dict[str, Any] = {}
        """What `move` changed of the quote of every instrument."""
        self.emit: EmitTicks | None = None
        self.emit_bars: EmitBars | None = None

    def master_zip(self) -> bytes:
        return b"PK-not-really"

    def contract(
        self,
        exchange: str,
        stock_code: str,
        product: Product,
        expiry: date | None = None,
        strike: float | None = None,
        right: str | None = None,
    ) -> Instrument | None:
        return self.universe.by_contract(exchange, stock_code, product, expiry, strike, right)

    def snapshot(self, i: Instrument) -> Snapshot:
        interest: dict[str, Any] = {"oi": 37_020, "chg_oi": 12_880} if i.is_derivative else {"oi": None, "chg_oi": None}
        return make_snapshot(**(interest | self.quote))

    def depth(self, i: Instrument) -> Depth:
        bid, ask = self.quote.get("bid", 894.7), self.quote.get("ask", 894.8)
        bids = tuple(Level(round(bid - 0.05 * n, 2), 15 + n, 1 + n) for n in range(5))
        asks = tuple(Level(round(ask + 0.05 * n, 2), 25 + n, 2 + n) for n in range(5))
        return Depth(NOW, bids, asks)

    def bars(self, i: Instrument, interval: BarInterval, start: datetime, end: datetime) -> Bars:
        step = timedelta(seconds=INTERVAL_SECONDS[interval])
        times = []
        moment = start.astimezone(IST).replace(hour=9, minute=15, second=0, microsecond=0)
        while moment <= end:
            minute = moment.hour * 60 + moment.minute
            if interval == "1day":
                moment = moment.replace(hour=0, minute=0)
            if moment >= start and (interval == "1day" or 555 <= minute < 930) and moment.weekday() < 5:
                times.append(int(moment.timestamp()))
            moment += step
        n = np.arange(len(times), dtype=np.float64)
        return Bars(
            time=np.array(times, dtype=np.int64),
            open=100.0 + n,
            high=101.5 + n,
            low=99.25 + n,
            close=100.5 + n,
            volume=np.full(len(times), 1951, dtype=np.int64),
            oi=np.full(len(times), 2_435_175, dtype=np.int64) if i.is_derivative else None,
        )

    truth = bars

    def watch(self, i: Instrument) -> None:
        self.watched[i.quote_room] += 1

    def unwatch(self, i: Instrument) -> None:
        self.watched[i.quote_room] -= 1

    def watch_bars(self, i: Instrument, interval: BarInterval) -> None:
        self.watched_bars[f"{i.ohlc_room} {interval}"] += 1

    def unwatch_bars(self, i: Instrument, interval: BarInterval) -> None:
        self.watched_bars[f"{i.ohlc_room} {interval}"] -= 1

    async def run(self, emit: EmitTicks, emit_bars: EmitBars | None = None) -> None:
        self.emit, self.emit_bars = emit, emit_bars
        await asyncio.Event().wait()

    async def push(self, room: str, **changes: Any) -> None:
        """A tick of whatever is behind a room."""
        instrument = self.universe.by_room(room)
        assert instrument is not None
        assert self.emit is not None
        await self.emit([Tick(instrument, NOW, make_snapshot(**changes))])

    async def move(self, room: str, last: float, **changes: Any) -> None:
        """A trade of 1,000 units at `last`, with bid and offer around it, at the clock's time; quotes follow."""
        before = self.quote.get("volume", 786_772)
        self.quote = {
            "last": last,
            "bid": round(last - 0.05, 2),
            "bid_qty": 15,
            "ask": round(last + 0.05, 2),
            "ask_qty": 25,
            "volume": before + 1_000,
            "ltq": 1_000,
        } | changes
        instrument = self.universe.by_room(room)
        assert instrument is not None
        assert self.emit is not None
        assert self.clock is not None
        await self.emit([Tick(instrument, self.clock.now(), self.snapshot(instrument))])

    async def push_bar(self, room: str, interval: BarInterval, start: datetime) -> None:
        """A closed bar of whatever is behind a room."""
        instrument = self.universe.by_room(room)
        assert instrument is not None
        assert self.emit_bars is not None
        await self.emit_bars([ClosedBar(instrument, interval, start, 100.5, 101.0, 99.0, 100.0, 2500, 7_592_550)])


class RunningSimulator:
    """A simulator that serves on a loopback port."""

    def __init__(self, url: str, market: FakeMarket, client: httpx.AsyncClient, app: Any) -> None:
        self.url = url
        self.market = market
        self.client = client
        self.app = app


@pytest.fixture
def snapshot() -> Callable[..., Snapshot]:
    return make_snapshot


@pytest.fixture
def market() -> FakeMarket:
    return FakeMarket()


@pytest.fixture
def wall() -> FixedClock:
    return FixedClock(NOW)


@asynccontextmanager
async def serve(settings: Settings, market: FakeMarket, **options: Any) -> AsyncIterator[RunningSimulator]:
    app = create_app(settings, **({"make_market": lambda _settings, _clock: market} | options))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="on", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, seconds=60)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url) as client:

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        # Making the market takes four seconds of a processor, however long that is on a busy machine.
        await eventually(ready, seconds=60)
        try:
            yield RunningSimulator(url, market, client, app)
        finally:
            server.should_exit = True
            await task


@pytest_asyncio.fixture
async def simulator(market: FakeMarket) -> AsyncIterator[RunningSimulator]:
    """A simulator on the wall clock, quotas on."""
    async with serve(Settings(clock="wall"), market) as running:
        yield running


class Caller:
    """Signs and sends as the SDK does: JSON in the body, also of a GET."""

    def __init__(
        self, client: httpx.AsyncClient, session_key: str, secret: str, api_key: str, user_id: str = "SIM00001"
    ) -> None:
        self._client = client
        self.session_key = session_key
        self.secret = secret
        self.api_key = api_key
        self.user_id = user_id

    @property
    def token(self) -> str:
        return signing.pack_session(self.user_id, self.session_key)

    async def v1(self, method: str, name: str, fields: dict[str, object] | None = None) -> httpx.Response:
        body = json.dumps(fields or {}, separators=(",", ":"))
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        headers = {
            "Content-Type": "application/json",
            "X-Checksum": "token " + signing.checksum(stamp, body.encode(), self.secret),
            "X-Timestamp": stamp,
            "X-AppKey": self.api_key,
            "X-SessionToken": self.token,
        }
        url = f"/breezeapi/api/v1/{name}"
        return await self._client.request(method, url, content=body, headers=headers)

    async def v2(self, **query: str) -> httpx.Response:
        headers = {"X-SessionToken": self.token, "apikey": self.api_key}
        return await self._client.get("/api/v2/historicalcharts", params=query, headers=headers)


async def log_in(client: httpx.AsyncClient, api_key: str = "sim+key=1") -> Caller:
    """A session, by the control route and customerdetails."""
    answer = await client.post("/_sim/login", json={"api_key": api_key})
    fields = {"SessionToken": answer.json()["api_session"], "AppKey": api_key}
    details = await client.request("GET", "/breezeapi/api/v1/customerdetails", json=fields)
    pair = signing.unpack_session(details.json()["Success"]["session_token"])
    assert pair is not None
    return Caller(client, pair[1], "sim-secret", api_key, pair[0])


@pytest_asyncio.fixture
async def caller(simulator: RunningSimulator) -> Caller:
    return await log_in(simulator.client)


@pytest_asyncio.fixture
async def trading() -> AsyncIterator[RunningSimulator]:
    """A simulator that has just opened on 3 August 2026: RELIND at 894.75, its best offer 25 at 894.80."""
    market = FakeMarket()
    market.quote = {"ask_qty": 25}

    def with_clock(_settings: Settings, clock: SimClock) -> FakeMarket:
        market.clock = clock
        return market

    settings = Settings(clock="replay:2026-08-03", limits=False)
    async with serve(settings, market, make_market=with_clock) as running:
        yield running


@pytest_asyncio.fixture
async def trader(trading: RunningSimulator) -> Caller:
    return await log_in(trading.client)


@pytest.fixture
def served() -> Callable[..., Any]:
    """Serve with other settings: `async with served(Settings(...)) as running`."""
    return lambda settings, **options: serve(settings, FakeMarket(), **options)


@pytest.fixture
def login() -> Callable[..., Any]:
    return log_in
