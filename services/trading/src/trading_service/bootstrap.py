"""Builds the service: the only place that names both its ports and what fills them."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import sqlalchemy as sa
import structlog
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import cancellation
from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.quota import BrokerQuota, QuotaRules
from breezeway.breeze.transport import BreezeTransport, TransportRules
from breezeway.clock import SystemClock
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.db.backlog import Backlog, watch_backlogs
from breezeway.db.engine import create_engine
from breezeway.exchange.matching_settings import MatchingSettings
from breezeway.exchange_time import SharedExchangeTime
from breezeway.http.app import Check
from breezeway.http.client import ServiceClient
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.outbox.relay import EventRelay
from breezeway.redis.client import connect
from breezeway.redis.sliding_window import SlidingWindow
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import watch_revocations
from breezeway.security.service_tokens import ServiceTokens
from breezeway.user_feeds import AuthFeeds
from trading_service.adapters.breeze.gtt import BreezeGttDesk
from trading_service.adapters.db.banking import PostgresBanking
from trading_service.adapters.db.gtts import PostgresGtts
from trading_service.adapters.db.leadership import Leadership
from trading_service.adapters.db.live import PostgresLive
from trading_service.adapters.db.tables import events, outbox
from trading_service.adapters.db.work import PostgresWork
from trading_service.adapters.number_vault import AesNumberVault
from trading_service.adapters.redis.market import RedisBell, RedisMarketListener, RedisPrices
from trading_service.adapters.redis.notices import DurableNotices
from trading_service.adapters.redis.relay import OutboxRelay
from trading_service.adapters.upstream.broker_sessions import HttpBrokerSessions
from trading_service.adapters.upstream.neighbours import HttpInstruments
from trading_service.application.accounts import TradingAccounts
from trading_service.application.banking import Banking, Limits
from trading_service.application.closing import Housekeeping
from trading_service.application.desk import Desk, DeskRules
from trading_service.application.groups import OrderGroups
from trading_service.application.gtt_following import GttFollower, GttRules
from trading_service.application.gtt_recording import GttRecorder
from trading_service.application.gtt_routing import GttKeeper
from trading_service.application.hearing import Hearing
from trading_service.application.live_gate import LiveGate
from trading_service.application.live_gtt import LiveGtts
from trading_service.application.live_placing import LiveRules, LiveTrading
from trading_service.application.live_recording import LiveRecorder
from trading_service.application.live_resolving import ResolveOrder
from trading_service.application.live_routing import LiveRouter, RoutingRules
from trading_service.application.matcher import Matcher
from trading_service.application.placing import CancelOrder, ModifyOrder, PlaceOrder
from trading_service.application.portfolio import Portfolio
from trading_service.application.ports import Work
from trading_service.application.reading import ReadTrading
from trading_service.application.reconciling import Reconciler
from trading_service.application.recording import Recorder
from trading_service.application.risk import Risk
from trading_service.application.running import (
    run_groups,
    run_housekeeping,
    run_keeping,
    run_live,
    run_matcher,
    run_sending,
)
from trading_service.settings import LiveTradingMode, TradingSettings, WorkerSettings

SERVICE = "trading"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Common:
    """What the API and the worker have in common."""

    engine: AsyncEngine
    redis: "Redis"
    tokens: ServiceTokens
    auth: ServiceClient
    feeds: AuthFeeds
    time: SharedExchangeTime
    calendar: MarketCalendar

    def work(self) -> Work:
        return PostgresWork(self.engine)

    async def ask_database(self) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))


async def _common(settings: TradingSettings, stack: AsyncExitStack) -> _Common:
    engine = create_engine(
        settings.database_url.get_secret_value(), application=SERVICE, pool_size=settings.database_pool_size
    )
    stack.push_async_callback(engine.dispose)
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    tokens = ServiceTokens(settings.internal_key.get_secret_value(), SERVICE)
    auth = await stack.enter_async_context(ServiceClient(settings.auth_url, "auth", tokens))
    simulator = None
    if settings.simulator_url:
        simulator = await stack.enter_async_context(httpx.AsyncClient(base_url=settings.simulator_url, timeout=2.0))
    time = SharedExchangeTime(SystemClock(), redis, simulator)
    return _Common(engine, redis, tokens, auth, AuthFeeds(auth), time, MarketCalendar.load(settings.calendar_folder))


@dataclass(frozen=True, slots=True)
class _Orders:
    """The use cases around orders."""

    accounts: TradingAccounts
    place: PlaceOrder
    modify: ModifyOrder
    cancel: CancelOrder
    instruments: HttpInstruments
    live: LiveTrading | None
    groups: OrderGroups


async def _orders(settings: TradingSettings, common: _Common, stack: AsyncExitStack) -> _Orders:
    instruments = await stack.enter_async_context(ServiceClient(settings.instruments_url, "instruments", common.tokens))
    prices = RedisPrices(common.redis, common.feeds, common.time)
    rules = DeskRules(settings.order_rate, timedelta(seconds=settings.stale_seconds))
    known = HttpInstruments(instruments)
    desk = Desk(known, prices, common.time, common.calendar, Risk(), rules)
    bell, wall = RedisBell(common.redis), SystemClock()
    gate = live = gtts = None

    def grouping() -> PostgresGtts:
        return PostgresGtts(common.engine)

    if environments := _environments(settings):
        gate = LiveGate(environments, HttpBrokerSessions(common.auth), wall)
        live = LiveTrading(
            lambda: PostgresLive(common.engine), desk, bell, wall, LiveRules(most_value=settings.live_order_value)
        )
        gtts = LiveGtts(grouping, live, desk, bell, wall)
    place = PlaceOrder(common.work, desk, bell, wall, live)
    cancel = CancelOrder(common.work, desk, bell, wall, live)
    return _Orders(
        accounts=TradingAccounts(common.work, common.time, prices, cancel, gate),
        place=place,
        modify=ModifyOrder(common.work, desk, bell, wall, live),
        cancel=cancel,
        instruments=known,
        live=live,
        groups=OrderGroups(grouping, place, cancel, wall, gtts),
    )


async def build(settings: TradingSettings, app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
    """Fill `app.state`, and say what readiness depends on."""
    common = await _common(settings, stack)
    orders = await _orders(settings, common, stack)

    async def fetch_keys() -> dict[str, Any]:
        return await common.auth.call("GET", "/.well-known/jwks.json", dict[str, Any])

    orders_outbox = Backlog("trading-orders", outbox.c.created_at, sa.true())
    watch_backlogs(common.engine, [Backlog.of_events(SERVICE, events), orders_outbox], stack)
    app.state.service_tokens = common.tokens
    app.state.authenticator = Authenticator(fetch_keys, await watch_revocations(stack, settings.redis_url))
    app.state.accounts = orders.accounts
    app.state.place = orders.place
    app.state.modify = orders.modify
    app.state.cancel = orders.cancel
    app.state.live = orders.live
    app.state.resolving = _resolving(common) if orders.live is not None else None
    bank_key = settings.bank_key.get_secret_value() if settings.bank_key is not None else ""
    vault = AesNumberVault(bank_key) if bank_key else None
    limits = Limits(settings.deposit_limit, settings.withdrawal_limit)
    app.state.banking = Banking(lambda: PostgresBanking(common.engine), vault, limits, SystemClock())
    app.state.groups = orders.groups
    app.state.portfolio = Portfolio(common.work, orders.accounts, orders.place, common.time, common.calendar)
    app.state.read = ReadTrading(common.work, orders.accounts, common.time)
    return {"database": common.ask_database, "redis": common.redis.ping}


async def build_worker(settings: WorkerSettings, app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
    """Start matcher, outbox and housekeeping; they run until the stack closes."""
    common = await _common(settings, stack)
    seen: dict[str, tuple[Decimal, datetime]] = {}
    relay = OutboxRelay(common.engine, common.redis)
    wake = asyncio.Event()

    def on_bell() -> None:
        matcher.ring()
        relay.ring()
        wake.set()

    listener = RedisMarketListener(
        common.redis,
        settings.redis_url,
        common.time,
        on_message=lambda feed, body: matcher.on_message(feed, body),
        on_bell=on_bell,
        on_gap=lambda: matcher.on_gap(),
    )

    def spot(symbol: str) -> Decimal | None:
        found = seen.get(symbol)
        return None if found is None else found[0]

    recorder = Recorder(common.work, common.calendar, Risk(), spot)
    matcher = Matcher(
        common.work,
        recorder,
        listener,
        common.feeds,
        common.calendar,
        seen,
        seed=settings.matching_seed,
        settings=MatchingSettings(stale_after=timedelta(seconds=settings.stale_seconds)),
        on_commit=relay.ring,
    )
    leadership = Leadership(common.engine)
    stack.push_async_callback(leadership.give_up)
    notifications = await stack.enter_async_context(
        ServiceClient(settings.notifications_url, "notifications", common.tokens)
    )
    orders = await _orders(settings, common, stack)
    housekeeping = Housekeeping(
        common.work,
        orders.accounts,
        orders.place,
        orders.cancel,
        recorder,
        common.time,
        common.calendar,
        seen.get,
        orders.instruments,
        matcher.halted,
    )

    async def carry() -> None:
        await leadership.leads.wait()
        await relay.run()

    tasks: list[asyncio.Task[object]] = [
        asyncio.create_task(listener.run(), name="market-listener"),
        asyncio.create_task(run_matcher(matcher, leadership), name="matcher"),
        asyncio.create_task(carry(), name="outbox"),
        asyncio.create_task(EventRelay(common.engine, events, notifications).run(), name="events"),
        asyncio.create_task(run_groups(orders.groups, matcher, spot, leadership.leads), name="groups"),
        asyncio.create_task(run_housekeeping(housekeeping, leadership.leads), name="housekeeping"),
    ]
    if settings.live_trading is not LiveTradingMode.OFF:
        tasks += await _live_tasks(settings, common, orders, recorder, leadership.leads, wake, stack)
    for task in tasks:
        task.add_done_callback(_end_with)
    stack.push_async_callback(cancellation.end, tasks)

    async def alive() -> None:
        for task in tasks:
            if task.done():
                raise RuntimeError(f"{task.get_name()} has ended")

    return {"database": common.ask_database, "redis": common.redis.ping, "tasks": alive}


async def _live_tasks(
    settings: WorkerSettings,
    common: _Common,
    orders: _Orders,
    recorder: Recorder,
    leads: asyncio.Event,
    wake: asyncio.Event,
    stack: AsyncExitStack,
) -> "list[asyncio.Task[object]]":
    """What routes live orders. Not even made where live trading is off."""
    transports = {}
    for environment in _environments(settings):
        if environment is BrokerEnvironment.LIVE:
            endpoints = BreezeEndpoints.live()
        else:
            endpoints = BreezeEndpoints.single_origin(settings.simulator_url or "")
        # Shorter than what the reconciler waits before it gives an order up.
        transports[environment] = BreezeTransport(endpoints, TransportRules(read_timeout=15, total_timeout=20))
        stack.push_async_callback(transports[environment].aclose)
    desk = BreezeGttDesk(
        transports,
        HttpBrokerSessions(common.auth),
        orders.instruments,
        # Backfills leave ten calls of the broker's hundred a minute unused; orders may take most of those.
        BrokerQuota(common.redis, QuotaRules(per_minute=98)),
        # Longer than the exchange's second: what leaves within a second must not arrive within a shorter one.
        SlidingWindow(common.redis, "broker-orders", limit=settings.live_order_rate, seconds=1.25),
    )

    def work() -> PostgresLive:
        return PostgresLive(common.engine)

    live = LiveRecorder(recorder, common.time)
    rules = RoutingRules(oldest=timedelta(seconds=settings.live_seconds))
    router = LiveRouter(work, live, desk, SystemClock(), rules)
    stack.push_async_callback(router.drain, 5.0)
    reconciler = Reconciler(work, live, desk, SystemClock(), router.in_flight)
    keeper = _gtts(common, live, desk, rules)
    stack.push_async_callback(keeper.drain, 5.0)
    hearing = Hearing(work, live, DurableNotices(common.redis), reconciler.sweep_soon)
    return [
        asyncio.create_task(run_sending(router, reconciler, leads, wake), name="live-sending"),
        asyncio.create_task(run_live(hearing.run_once, "hearing", 0.25, leads), name="live-hearing"),
        asyncio.create_task(run_live(reconciler.run_once, "reconciling", 0.5, leads), name="live-reconciling"),
        asyncio.create_task(run_live(reconciler.sweep, "sweeping", 1.0, leads), name="live-sweeping"),
        asyncio.create_task(run_keeping(keeper, leads), name="live-gtt"),
    ]


def _gtts(common: _Common, live: LiveRecorder, desk: BreezeGttDesk, routing: RoutingRules) -> GttKeeper:
    def work() -> PostgresGtts:
        return PostgresGtts(common.engine)

    wall, rules = SystemClock(), GttRules(oldest=routing.oldest)
    recorder = GttRecorder(live, common.time, wall)
    follower = GttFollower(work, recorder, desk, wall, common.time, rules)
    return GttKeeper(work, recorder, follower, desk, wall, common.time, rules)


def _resolving(common: _Common) -> ResolveOrder:
    def work() -> PostgresLive:
        return PostgresLive(common.engine)

    # No price is ever asked for: the positions of live accounts block no margin here.
    recorder = Recorder(common.work, common.calendar, Risk(), lambda _symbol: None)
    return ResolveOrder(work, LiveRecorder(recorder, common.time), SystemClock())


def _environments(settings: TradingSettings) -> frozenset[BrokerEnvironment]:
    """The brokers to which live orders may go."""
    return {
        LiveTradingMode.OFF: frozenset[BrokerEnvironment](),
        LiveTradingMode.SIMULATOR: frozenset({BrokerEnvironment.SIMULATOR}),
        LiveTradingMode.REAL: frozenset({BrokerEnvironment.LIVE}),
    }[settings.live_trading]


def _end_with(task: "asyncio.Task[object]") -> None:
    """End the process when one of its tasks fails for a reason nobody foresaw: a new one begins from the database."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("task_failed", task=task.get_name(), error=repr(error))
        signal.raise_signal(signal.SIGTERM)
