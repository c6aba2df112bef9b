"""Builds the market-data processes: the only place that names both their ports and what fills them."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import cancellation
from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.quota import BrokerQuota, QuotaRules
from breezeway.breeze.transport import BreezeTransport
from breezeway.clock import ExchangeClock, SystemClock
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.db.backlog import Backlog, watch_backlogs
from breezeway.db.engine import create_engine
from breezeway.exchange_time import SharedExchangeTime
from breezeway.http.app import Check
from breezeway.http.client import ServiceClient
from breezeway.jobs.queue import JobQueue
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.outbox.relay import EventRelay
from breezeway.redis.client import connect
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import watch_revocations
from breezeway.security.service_tokens import ServiceTokens
from market_data_service.adapters.breeze.broker import BreezeBroker
from market_data_service.adapters.db.backfills import PostgresBackfillStore
from market_data_service.adapters.db.candle_blocks import PostgresCandleStore
from market_data_service.adapters.db.chunks import PostgresChunkStore
from market_data_service.adapters.db.fences import PostgresFences
from market_data_service.adapters.db.followed import PostgresFollowed
from market_data_service.adapters.db.outages import PostgresOutages
from market_data_service.adapters.db.stored_prices import PostgresStoredPrices
from market_data_service.adapters.db.subscriptions import PostgresSubscriptions
from market_data_service.adapters.db.tables import events as events_outbox
from market_data_service.adapters.db.watchlists import PostgresWatchlists
from market_data_service.adapters.feed import metrics as feed_metrics
from market_data_service.adapters.feed.candles import PostgresLiveBars
from market_data_service.adapters.feed.census import RedisCensus
from market_data_service.adapters.feed.interest import RedisInterest
from market_data_service.adapters.feed.leases import RedisLeases
from market_data_service.adapters.feed.market_time import SimulatorClock
from market_data_service.adapters.feed.neighbours import AuthBrokerSessions, HttpFeedInstruments
from market_data_service.adapters.feed.orders import DurableOrderEvents
from market_data_service.adapters.feed.publisher import RedisPublisher
from market_data_service.adapters.feed.refill import BackfillRefill
from market_data_service.adapters.feed.signals import FeedSignals
from market_data_service.adapters.feed.source import BreezeSource, endpoints_of
from market_data_service.adapters.feed.subscribed import PersistedInterest, RedisFeedBell
from market_data_service.adapters.redis.live_bars import RedisLiveBars
from market_data_service.adapters.redis.progress import RedisProgress
from market_data_service.adapters.redis.snapshots import RedisSnapshots
from market_data_service.adapters.redis.wakeups import ArqWakeups
from market_data_service.adapters.upstream.broker_sessions import HttpBrokerSessions
from market_data_service.adapters.upstream.contracts import HttpContracts
from market_data_service.adapters.upstream.instruments import HttpInstruments
from market_data_service.application.backfills import Backfills
from market_data_service.application.candles import ReadCandles
from market_data_service.application.feed_session import FeedParts, FeedRules
from market_data_service.application.feed_supervisor import FeedSupervisor, SupervisorRules
from market_data_service.application.feed_view import ReadFeed
from market_data_service.application.market_status import ReadMarketStatus
from market_data_service.application.option_chain import ReadOptionChain
from market_data_service.application.quotes import ReadQuotes
from market_data_service.application.subscriptions import Subscriptions
from market_data_service.application.top_up import TopUp
from market_data_service.application.udf import Udf
from market_data_service.application.watchlists import Watchlists
from market_data_service.application.work import ChunkWorker, WorkRules
from market_data_service.domain import corporate_actions
from market_data_service.settings import FeedOwnerSettings, MarketDataSettings

SERVICE = "market-data"


async def build_feed_owner(
    settings: FeedOwnerSettings, app: FastAPI, stack: AsyncExitStack, rules: FeedRules | None = None
) -> Mapping[str, Check]:
    """Start the feed supervisor; it stops, leases released, when the stack closes."""
    loop = asyncio.get_running_loop()
    # No retries: a publish that is sent again after a broken connection would reach readers twice.
    redis = connect(settings.redis_url, retries=0)
    stack.push_async_callback(redis.aclose)
    engine = create_engine(settings.database_url.get_secret_value(), application="feed-owner", pool_size=3)
    stack.push_async_callback(engine.dispose)
    tokens = ServiceTokens(settings.internal_key.get_secret_value(), "market-data")
    auth = await stack.enter_async_context(ServiceClient(settings.auth_url, "auth", tokens))
    instruments = await stack.enter_async_context(ServiceClient(settings.instruments_url, "instruments", tokens))
    wall = SystemClock()
    wall_time = ExchangeClock(wall)
    simulator_time = ExchangeClock(wall)
    live_bars = PostgresLiveBars(engine)
    feed_instruments = HttpFeedInstruments(instruments)
    queue = await JobQueue.connect(settings.redis_url, SERVICE)
    stack.push_async_callback(queue.aclose)
    orders = DurableOrderEvents(redis)
    parts = FeedParts(
        source=BreezeSource(endpoints_of(settings.simulator_url), rooms_per_socket=settings.feed_rooms_per_socket),
        sessions=AuthBrokerSessions(auth),
        publisher=RedisPublisher(redis),
        orders=orders,
        interest=PersistedInterest(RedisInterest(redis), PostgresSubscriptions(engine), AuthBrokerSessions(auth)),
        instruments=feed_instruments,
        sink=live_bars,
        history=live_bars,
        refill=BackfillRefill(PostgresBackfillStore(engine), ArqWakeups(queue), feed_instruments, wall),
        calendar=MarketCalendar.load(settings.calendar_folder),
        meter=feed_metrics.PrometheusMeter(),
        market_time=lambda session: simulator_time if session.environment is BrokerEnvironment.SIMULATOR else wall_time,
        now_ms=_now_ms,
        time=loop.time,
        outages=PostgresOutages(engine),
    )
    holder = f"{socket.gethostname()}:{os.getpid()}"
    leases = RedisLeases(redis, PostgresFences(engine), holder=holder, ttl=settings.feed_lease_seconds)
    census = RedisCensus(redis, holder=holder)
    rules = rules or FeedRules(bar_rooms=settings.feed_bar_rooms)
    supervisor = FeedSupervisor(leases, census, parts, rules, SupervisorRules())
    events = FeedSignals(
        settings.redis_url,
        on_sessions=supervisor.sessions_changed,
        on_interest=supervisor.interest_changed,
    )
    work = [
        asyncio.create_task(supervisor.run(), name="feed-supervisor"),
        asyncio.create_task(events.run(), name="feed-signals"),
        asyncio.create_task(orders.run(), name="order-events"),
    ]
    if settings.simulator_url is not None:
        follower = SimulatorClock(settings.simulator_url, simulator_time, redis)
        work.append(asyncio.create_task(follower.run(), name="feed-clock"))
    notifications = await stack.enter_async_context(ServiceClient(settings.notifications_url, "notifications", tokens))
    work.append(asyncio.create_task(EventRelay(engine, events_outbox, notifications).run(), name="events"))
    stack.push_async_callback(cancellation.end, work)
    feed_metrics.register(feed_metrics.FeedCollector(supervisor, _now_ms), stack)
    return {"redis": redis.ping, "database": _database(engine), "supervisor": _running(work)}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _database(engine: AsyncEngine) -> Check:
    async def check() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    return check


def _running(tasks: "Sequence[asyncio.Task[None]]") -> Check:
    async def check() -> None:
        for task in tasks:
            if task.done():
                raise RuntimeError(f"{task.get_name()} has ended")

    return check


@dataclass(frozen=True, slots=True)
class Parts:
    """What the API and the workers have in common."""

    engine: AsyncEngine
    redis: Redis
    auth: ServiceClient
    instruments: ServiceClient
    tokens: ServiceTokens
    calendar: MarketCalendar
    time: SharedExchangeTime
    sessions: HttpBrokerSessions
    broker: BreezeBroker
    wakeups: ArqWakeups

    async def check_database(self) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1 FROM backfills LIMIT 1"))


async def build_parts(settings: MarketDataSettings, stack: AsyncExitStack) -> Parts:
    """Connect to everything; what has to be closed is on the stack."""
    engine = create_engine(
        settings.database_url.get_secret_value(), application=SERVICE, pool_size=settings.database_pool_size
    )
    stack.push_async_callback(engine.dispose)
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    queue = await JobQueue.connect(settings.redis_url, SERVICE)
    stack.push_async_callback(queue.aclose)
    queue.watch(stack)
    tokens = ServiceTokens(settings.internal_key.get_secret_value(), SERVICE)
    auth = await stack.enter_async_context(ServiceClient(settings.auth_url, "auth", tokens))
    instruments = await stack.enter_async_context(ServiceClient(settings.instruments_url, "instruments", tokens))
    simulator = None
    if settings.simulator_url:
        simulator = await stack.enter_async_context(httpx.AsyncClient(base_url=settings.simulator_url, timeout=2.0))
    quota = BrokerQuota(redis, QuotaRules(per_minute=settings.calls_per_minute, per_day=settings.calls_per_day))
    return Parts(
        engine=engine,
        redis=redis,
        auth=auth,
        instruments=instruments,
        tokens=tokens,
        calendar=MarketCalendar.load(settings.calendar_folder),
        time=SharedExchangeTime(SystemClock(), redis, simulator),
        sessions=HttpBrokerSessions(auth),
        broker=BreezeBroker(_transports(settings, stack), quota),
        wakeups=ArqWakeups(queue),
    )


async def build(settings: MarketDataSettings, app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
    """Fill `app.state`, and say what readiness depends on."""
    parts = await build_parts(settings, stack)
    watch_backlogs(parts.engine, [Backlog.of_events(SERVICE, events_outbox)], stack)
    clock = SystemClock()
    instruments = HttpInstruments(parts.instruments)
    store = PostgresCandleStore(parts.engine)

    async def fetch_keys() -> dict[str, Any]:
        return await parts.auth.call("GET", "/.well-known/jwks.json", dict[str, Any])

    app.state.authenticator = Authenticator(fetch_keys, await watch_revocations(stack, settings.redis_url))
    app.state.service_tokens = parts.tokens
    live_bars = RedisLiveBars(parts.redis, parts.sessions)
    actions = corporate_actions.load(settings.corporate_actions) if settings.corporate_actions else None
    app.state.candles = ReadCandles(store, instruments, parts.calendar, parts.time, live_bars, actions)
    app.state.market_status = ReadMarketStatus(parts.calendar, parts.time)
    app.state.quotes = ReadQuotes(
        instruments,
        RedisSnapshots(parts.redis, parts.sessions),
        parts.sessions,
        parts.broker,
        PostgresStoredPrices(parts.engine),
        clock,
    )
    app.state.watchlists = Watchlists(PostgresWatchlists(parts.engine), instruments)
    app.state.option_chain = ReadOptionChain(
        HttpContracts(parts.instruments),
        RedisSnapshots(parts.redis, parts.sessions),
        parts.sessions,
        parts.broker,
        PostgresStoredPrices(parts.engine),
        parts.calendar,
        parts.time,
        clock,
    )
    app.state.udf = Udf(
        app.state.candles,
        app.state.quotes,
        PostgresStoredPrices(parts.engine),
        instruments,
        parts.calendar,
        parts.time,
    )
    app.state.read_feed = ReadFeed(AuthBrokerSessions(parts.auth), RedisPublisher(parts.redis), _now_ms)
    app.state.subscriptions = Subscriptions(
        PostgresSubscriptions(parts.engine),
        instruments,
        RedisFeedBell(parts.redis, AuthBrokerSessions(parts.auth)),
    )
    app.state.backfills = Backfills(
        PostgresBackfillStore(parts.engine),
        store,
        instruments,
        parts.calendar,
        parts.time,
        clock,
        parts.wakeups,
        RedisProgress(parts.redis),
        settings.calls_per_minute,
    )
    return {"database": parts.check_database, "redis": parts.redis.ping}


async def build_worker_parts(
    settings: MarketDataSettings, stack: AsyncExitStack, rules: WorkRules | None = None
) -> tuple[ChunkWorker, TopUp]:
    """What an arq worker process works with."""
    parts = await build_parts(settings, stack)
    notifications = await stack.enter_async_context(
        ServiceClient(settings.notifications_url, "notifications", parts.tokens)
    )
    relay = asyncio.create_task(EventRelay(parts.engine, events_outbox, notifications).run(), name="events")
    stack.push_async_callback(cancellation.end, [relay])
    clock = SystemClock()
    progress = RedisProgress(parts.redis)
    worker = ChunkWorker(
        PostgresChunkStore(parts.engine),
        parts.sessions,
        parts.broker,
        parts.calendar,
        parts.time,
        clock,
        parts.wakeups,
        progress,
        rules or WorkRules(calls_per_minute=settings.calls_per_minute, parallel=settings.worker_concurrency),
    )
    backfills = Backfills(
        PostgresBackfillStore(parts.engine),
        PostgresCandleStore(parts.engine),
        HttpInstruments(parts.instruments),
        parts.calendar,
        parts.time,
        clock,
        parts.wakeups,
        progress,
        settings.calls_per_minute,
    )
    top_up = TopUp(
        PostgresFollowed(parts.engine),
        HttpFeedInstruments(parts.instruments),
        parts.sessions,
        backfills,
        parts.calendar,
        parts.time,
    )
    return worker, top_up


def _transports(settings: MarketDataSettings, stack: AsyncExitStack) -> Mapping[BrokerEnvironment, BreezeTransport]:
    transports = {BrokerEnvironment.LIVE: BreezeTransport(BreezeEndpoints.live())}
    if settings.simulator_url:
        endpoints = BreezeEndpoints.single_origin(settings.simulator_url)
        transports[BrokerEnvironment.SIMULATOR] = BreezeTransport(endpoints)
    for transport in transports.values():
        stack.push_async_callback(transport.aclose)
    return transports
