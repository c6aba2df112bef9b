"""Puts the simulator together. The only module that knows both the use cases and the adapters behind them."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, timedelta

import structlog
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from breeze_simulator.adapters.candle_files import CandleFolder
from breeze_simulator.adapters.master_zip import PackedMaster, RealMaster
from breeze_simulator.api import control, login, master, orders, rest_v1, rest_v2
from breeze_simulator.api.context import BrokerStarting
from breeze_simulator.api.door import BUSY_PAGE, BrokerDoor, envelope_response, note
from breeze_simulator.api.sockets import FEED, OHLC, Endpoint
from breeze_simulator.application.accounts import Accounts
from breeze_simulator.application.calculators import Calculators
from breeze_simulator.application.costs import Costs
from breeze_simulator.application.faults import Faults
from breeze_simulator.application.gate import Gate
from breeze_simulator.application.generated_files import GeneratedFiles
from breeze_simulator.application.gtt import GttCalls
from breeze_simulator.application.history import History, HistoryRules
from breeze_simulator.application.journal import Journal
from breeze_simulator.application.limits import CallLimits, MutationLimits, Quota
from breeze_simulator.application.market import Market
from breeze_simulator.application.money import Money
from breeze_simulator.application.notifications import Notifications
from breeze_simulator.application.order_calls import OrderCalls, OrderRules
from breeze_simulator.application.order_desk import OrderDesk
from breeze_simulator.application.portfolio import Portfolio
from breeze_simulator.application.ports import LiveMarket
from breeze_simulator.application.positions import Positions
from breeze_simulator.application.quotes import Quotes
from breeze_simulator.application.sessions import Sessions
from breeze_simulator.application.simulator import Broker, Simulator
from breeze_simulator.application.streams import StreamRules, Streams
from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.envelopes import BrokerRefusal, HttpStatuses, Refusals
from breeze_simulator.domain.market_types import Tick
from breeze_simulator.domain.sessions import Sessions as TradingSessions
from breeze_simulator.domain.underlyings import NoSource
from breeze_simulator.settings import Settings
from breezeway import cancellation
from breezeway.clock import IST, Clock, SystemClock
from breezeway.http.app import Check
from breezeway.market_calendar.calendar import MarketCalendar

MarketFactory = Callable[[Settings, SimClock], LiveMarket]

_log = structlog.get_logger()

SWEEP_SECONDS = 1.0


def assemble(settings: Settings, wall: Clock | None = None) -> Simulator:
    """Everything that does not need the market."""
    clock = wall or SystemClock()
    days = TradingSessions(MarketCalendar.default())
    refusals = Refusals(
        HttpStatuses(
            application=settings.http_status_of_refusals,
            authentication=settings.http_status_of_auth_errors,
            limit=settings.http_status_of_limit_errors,
        )
    )
    accounts = Accounts(settings.apps)
    sessions = Sessions(accounts, refusals, clock)
    quota = Quota(settings.calls_per_minute, settings.calls_per_day, timedelta(seconds=settings.cool_down_seconds))
    limits = CallLimits(quota, clock, enabled=settings.limits)
    mutations = MutationLimits(settings.mutations_per_second, clock)
    mutations.enabled = settings.limits
    return Simulator(
        accounts=accounts,
        sessions=sessions,
        limits=limits,
        mutations=mutations,
        faults=Faults(clock),
        journal=Journal(clock, settings.journal_size),
        refusals=refusals,
        gate=Gate(
            accounts,
            sessions,
            limits,
            refusals,
            clock,
            mutations,
            max_skew=timedelta(seconds=settings.clock_skew_seconds),
        ),
        clock=SimClock(
            clock,
            days,
            mode="wall" if settings.clock == "wall" else "auto",
            day=settings.replay_day,
            speed=settings.speed,
        ),
        wall=clock,
        default_redirect_url=settings.redirect_url,
    )


def make_market(settings: Settings, clock: SimClock) -> LiveMarket:
    """The market that the settings describe."""
    sessions = TradingSessions(MarketCalendar.default())
    source = CandleFolder(settings.candles_dir) if settings.candles_dir else NoSource()
    master = (
        RealMaster(settings.master_zip)
        if settings.master_zip
        else PackedMaster(GeneratedFiles(settings.seed, sessions, source))
    )
    market = Market(clock, master, sessions, source, seed=settings.seed, tick_rate=settings.tick_rate)
    market.prepare()
    return market


def build_broker(settings: Settings, simulator: Simulator, make_market: MarketFactory) -> Broker:
    """The market and what stands on it. Takes seconds: run it in a thread."""
    market = make_market(settings, simulator.clock)
    rules = HistoryRules(
        cap=settings.history_cap,
        keep=settings.history_keeps,
        v1_drops_first_bar=settings.v1_drops_first_bar,
        v1_day_label=settings.v1_day_label,
    )
    stream_rules = StreamRules(bar_label=settings.ohlc_bar_label, mcx_scale=settings.mcx_price_scale)
    clock, refusals, journal = simulator.clock, simulator.refusals, simulator.journal
    streams = Streams(market, simulator.faults, clock, stream_rules)
    positions = Positions()
    portfolio = Portfolio(market, simulator.accounts, positions, refusals, clock)
    desk = OrderDesk(market, clock, MarketCalendar.default(), journal, positions, seed=settings.seed)
    money = Money(desk, market, simulator.accounts, positions, clock)
    costs = Costs(clock)
    order_rules = OrderRules(shows_remark=settings.orders_show_remark)
    orders = OrderCalls(desk, market, money, portfolio, costs, refusals, simulator.faults, order_rules)
    gtt = GttCalls(desk, orders, market, refusals, clock, journal.record)
    notifications = Notifications(streams, simulator.accounts, clock)
    for listener in (money.refresh, notifications.tell, gtt.on_order):
        desk.listen(listener)
    return Broker(
        market=market,
        history=History(market, refusals, rules),
        quotes=Quotes(market, refusals),
        portfolio=portfolio,
        streams=streams,
        desk=desk,
        orders=orders,
        gtt=gtt,
        calculators=Calculators(market, money, costs, refusals, clock),
        is_replayable=lambda day: _is_replayable(day, simulator.wall),
    )


class World:
    """Builds the broker in a thread, then runs the market until it is cancelled. Readiness is its state."""

    def __init__(self, settings: Settings, simulator: Simulator, make_market: MarketFactory) -> None:
        self._settings = settings
        self._simulator = simulator
        self._make_market = make_market
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self, endpoints: Mapping[str, Endpoint]) -> AsyncIterator[None]:
        self._task = asyncio.create_task(self._run(endpoints), name="simulated market")
        try:
            yield
        finally:
            await cancellation.end([self._task])

    async def check(self) -> None:
        """Raises unless the market runs."""
        if self._task is not None and self._task.done():
            self._task.result()
        if self._simulator.broker is None:
            raise BrokerStarting

    async def _run(self, endpoints: Mapping[str, Endpoint]) -> None:
        try:
            broker = await asyncio.to_thread(build_broker, self._settings, self._simulator, self._make_market)
            # Hundreds of thousands of objects that live as long as the process: no collection needs to walk them again.
            gc.collect()
            gc.freeze()
            self._simulator.broker = broker
            _log.info("market_ready", exchange_now=self._simulator.clock.now().isoformat())
        except Exception:
            # Such as a broken master file: staying up would only look like a slow start.
            _log.exception("market_not_built")
            signal.raise_signal(signal.SIGTERM)
            raise
        async with asyncio.TaskGroup() as group:
            group.create_task(_keep_moving(broker))
            group.create_task(_sweep(endpoints, broker))


async def build(
    settings: Settings, simulator: Simulator, make_market: MarketFactory, app: FastAPI, stack: AsyncExitStack
) -> Mapping[str, Check]:
    """Start the simulator inside `app`; the stack stops it."""
    endpoints: dict[str, Endpoint] = app.state.endpoints
    for endpoint in endpoints.values():
        stack.push_async_callback(endpoint.close)
    world = World(settings, simulator, make_market)
    await stack.enter_async_context(world.running(endpoints))
    return {"market": world.check}


def install(app: FastAPI, settings: Settings, simulator: Simulator) -> None:
    """Routes, sockets and error answers."""
    app.state.simulator = simulator
    app.state.control_token = settings.control_token.get_secret_value() if settings.control_token else None
    app.state.endpoints = {name: Endpoint(name, simulator) for name in (FEED, OHLC)}
    for router in (
        login.router,
        master.router,
        rest_v2.router,
        rest_v1.router,
        orders.router,
        control.router,
        control.public,
    ):
        app.include_router(router)
    app.include_router(rest_v1.fallback)
    for name, endpoint in app.state.endpoints.items():
        app.mount(f"/{name}", endpoint.asgi())
    app.add_middleware(BrokerDoor, simulator=simulator)

    async def on_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, BrokerRefusal)  # noqa: S101 - registered for this class only; narrows the type
        note(request, error=error.envelope.get("Error"))
        return envelope_response(error)

    async def on_starting(_request: Request, _error: Exception) -> Response:
        return HTMLResponse(BUSY_PAGE, status_code=503)

    app.add_exception_handler(BrokerRefusal, on_refusal)
    app.add_exception_handler(BrokerStarting, on_starting)


def _is_replayable(day: date, wall: Clock) -> bool:
    """A trading day that is not in the future."""
    days = TradingSessions(MarketCalendar.default())
    return day <= wall.now().astimezone(IST).date() and days.is_trading_day(day)


async def _keep_moving(broker: Broker) -> None:
    async def emit(ticks: Sequence[Tick]) -> None:
        # Clients see a price before the orders that it filled, as at the broker.
        await broker.streams.emit_ticks(ticks)
        await broker.desk.emit_ticks(ticks)
        await broker.gtt.emit_ticks(ticks)

    while True:
        cancellation.heed()
        try:
            await broker.market.run(emit, broker.streams.emit_bars)
        except Exception:  # noqa: BLE001 - one instrument that cannot be priced must not end the market for all others
            _log.exception("market_stumbled")
        await asyncio.sleep(SWEEP_SECONDS)


async def _sweep(endpoints: Mapping[str, Endpoint], broker: Broker) -> None:
    while True:
        cancellation.heed()
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            broker.desk.advance()
        except Exception:  # noqa: BLE001 - one order that cannot be ended must not end the market for all others
            _log.exception("order_desk_stumbled")
        for endpoint in endpoints.values():
            await endpoint.drop_ended_sessions()
