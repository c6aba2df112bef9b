"""Builds the market-data processes: the only place that names both their ports and what fills them."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.clock import ExchangeClock, SystemClock
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.db.engine import create_engine
from breezeway.http.app import Check
from breezeway.http.client import ServiceClient
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.redis.client import connect
from breezeway.security.service_tokens import ServiceTokens
from market_data_service.adapters.db.fences import PostgresFences
from market_data_service.adapters.feed.candles import PostgresLiveBars
from market_data_service.adapters.feed.interest import RedisInterest
from market_data_service.adapters.feed.leases import RedisLeases
from market_data_service.adapters.feed.market_time import SimulatorClock
from market_data_service.adapters.feed.neighbours import AuthBrokerSessions, HttpFeedInstruments
from market_data_service.adapters.feed.publisher import RedisPublisher
from market_data_service.adapters.feed.refill import LoggedRefill
from market_data_service.adapters.feed.signals import FeedSignals
from market_data_service.adapters.feed.source import BreezeSource, endpoints_of
from market_data_service.application.feed_session import FeedParts, FeedRules
from market_data_service.application.feed_supervisor import FeedSupervisor, SupervisorRules
from market_data_service.settings import FeedOwnerSettings


async def build_feed_owner(settings: FeedOwnerSettings, app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
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
    parts = FeedParts(
        source=BreezeSource(endpoints_of(settings.simulator_url)),
        sessions=AuthBrokerSessions(auth),
        publisher=RedisPublisher(redis),
        interest=RedisInterest(redis),
        instruments=HttpFeedInstruments(instruments),
        sink=live_bars,
        history=live_bars,
        refill=LoggedRefill(),
        calendar=MarketCalendar.default(),
        market_time=lambda session: simulator_time if session.environment is BrokerEnvironment.SIMULATOR else wall_time,
        now_ms=lambda: time.time_ns() // 1_000_000,
        time=loop.time,
    )
    holder = f"{socket.gethostname()}:{os.getpid()}"
    leases = RedisLeases(redis, PostgresFences(engine), holder=holder, ttl=settings.feed_lease_seconds)
    supervisor = FeedSupervisor(leases, parts, FeedRules(), SupervisorRules())
    events = FeedSignals(
        settings.redis_url,
        on_sessions=supervisor.sessions_changed,
        on_interest=supervisor.interest_changed,
    )
    work = [
        asyncio.create_task(supervisor.run(), name="feed-supervisor"),
        asyncio.create_task(events.run(), name="feed-signals"),
    ]
    if settings.simulator_url is not None:
        follower = SimulatorClock(settings.simulator_url, simulator_time, redis)
        work.append(asyncio.create_task(follower.run(), name="feed-clock"))
    stack.push_async_callback(_stop, work)
    app.state.supervisor = supervisor
    return {"redis": redis.ping, "database": _database(engine), "supervisor": _running(work)}


async def _stop(tasks: "Sequence[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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
