"""Builds the gateway: the only place that names both its ports and what fills them."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from fastapi import FastAPI
from redis.asyncio import Redis

from breezeway import cancellation
from breezeway.contracts.auth import CredentialsRevoked
from breezeway.http.app import Check
from breezeway.http.client import ServiceClient
from breezeway.redis import keys
from breezeway.redis.client import connect
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import watch_revocations
from breezeway.security.service_tokens import ServiceTokens
from gateway_service.adapters import drain, stream_metrics
from gateway_service.adapters.claim_store import RedisClaimStore
from gateway_service.adapters.directories import AuthFeedDirectory, InstrumentSymbols
from gateway_service.adapters.key_exchange import AuthKeyExchange
from gateway_service.adapters.redis_buckets import RedisBuckets
from gateway_service.adapters.redis_stream import (
    RedisBroker,
    RedisHistories,
    RedisInterest,
    RedisSnapshots,
    RedisTopics,
)
from gateway_service.adapters.simulator_control import HttpSimulatorControl
from gateway_service.adapters.upstreams import Upstreams
from gateway_service.api.docs import DocumentCache
from gateway_service.api.express import text_frame
from gateway_service.application.api_keys import ApiKeyring
from gateway_service.application.callers import Callers
from gateway_service.application.connection import Backstage
from gateway_service.application.doorway import Doorway
from gateway_service.application.hub import Hub
from gateway_service.application.limits import RequestLimits
from gateway_service.application.registry import Registry
from gateway_service.application.stream import Stream, StreamLimits
from gateway_service.domain.rates import LocalBuckets
from gateway_service.settings import GatewaySettings


async def build(settings: GatewaySettings, app: FastAPI, stack: AsyncExitStack) -> Mapping[str, Check]:
    """Fill `app.state`, and say what readiness depends on."""
    tokens = ServiceTokens(settings.internal_key.get_secret_value(), "gateway")
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    auth = await stack.enter_async_context(ServiceClient(settings.auth_url, "auth", tokens))
    services = Upstreams(
        {
            "auth": settings.auth_url,
            "instruments": settings.instruments_url,
            "market-data": settings.market_data_url,
            "trading": settings.trading_url,
            "notifications": settings.notifications_url,
        },
        tokens,
    )
    stack.push_async_callback(services.aclose)

    async def fetch_keys() -> dict[str, Any]:
        return await auth.call("GET", "/.well-known/jwks.json", dict[str, Any])

    app.state.services = services
    app.state.service_tokens = tokens

    def on_revoked(revoked: CredentialsRevoked) -> None:
        # Also heard by pub/sub, which is quicker by a hop; this is the way that forgets nothing after an outage.
        stream: Stream | None = getattr(app.state, "stream", None)
        if stream is not None:
            stream.registry.revoke(revoked.user_id, revoked.session_id)

    app.state.authenticator = Authenticator(
        fetch_keys, await watch_revocations(stack, settings.redis_url, on_revoked=on_revoked)
    )
    app.state.callers = build_callers(settings, stack, app.state.authenticator, auth)
    app.state.doorway = Doorway(app.state.callers.limits, settings.connections_per_ip)
    app.state.claims = RedisClaimStore(redis)
    app.state.documents = DocumentCache()
    origin = None if settings.is_production else settings.simulator_url
    app.state.simulator = HttpSimulatorControl(origin) if origin else None
    broker = await build_stream(settings, app, stack, redis=redis, auth=auth, tokens=tokens)
    return {"redis": redis.ping, "auth": auth.ready, "stream": broker.ready, "draining": app.state.stream.check_open}


def build_callers(
    settings: GatewaySettings, stack: AsyncExitStack, authenticator: Authenticator, auth: ServiceClient
) -> Callers:
    """What every request passes: credentials and limits."""
    # Its own connections, and impatient: while Redis is away limits are counted in this process.
    redis = connect(settings.redis_url, max_connections=200, timeout=0.5, retries=0)
    stack.push_async_callback(redis.aclose)
    limits = RequestLimits(settings.request_limits, RedisBuckets(redis), LocalBuckets(time.monotonic), time.monotonic)
    keyring = ApiKeyring(AuthKeyExchange(auth), authenticator.authenticate, limits, time.monotonic)
    return Callers(authenticator.authenticate, keyring, limits)


async def build_stream(
    settings: GatewaySettings,
    app: FastAPI,
    stack: AsyncExitStack,
    *,
    redis: "Redis",
    auth: ServiceClient,
    tokens: ServiceTokens,
) -> RedisBroker:
    """Build the WebSocket stream into `app.state.stream` and run it until the stack closes."""
    loop = asyncio.get_running_loop()
    instruments = await stack.enter_async_context(ServiceClient(settings.instruments_url, "instruments", tokens))
    feeds = AuthFeedDirectory(auth)
    interest = RedisInterest(redis)
    limits = StreamLimits(
        outbox_bytes=settings.stream_outbox_bytes,
        max_channels=settings.stream_max_channels,
        max_connections_per_user=settings.stream_max_connections_per_user,
    )
    registry = Registry(
        feeds=feeds,
        interest=interest,
        max_per_user=limits.max_connections_per_user,
        slow_seconds=limits.slow_seconds,
        time=loop.time,
        now_ms=_now_ms,
    )
    # The hub asks the broker for topics and the broker brings the hub messages: one of the two has to be told later.
    broker = RedisBroker(
        settings.redis_url,
        on_message=lambda topic, body: hub.broadcast(topic, body),
        control={
            keys.user_revoked(): lambda body: stream.on_revoked(body),
            keys.broker_session_events(): lambda body: stream.on_broker_session(body),
        },
        on_gap=lambda seconds: stream.on_gap(seconds),
    )
    hub = Hub(broker, time=loop.time, wire=text_frame, meter=stream_metrics.HopMeter())
    stage = Backstage(
        hub=hub,
        topics=RedisTopics(),
        snapshots=RedisSnapshots(redis),
        histories=RedisHistories(redis),
        interest=interest,
        feeds=feeds,
        symbols=InstrumentSymbols(instruments),
        tokens=app.state.authenticator,
        api_keys=app.state.callers.keyring,
        now_ms=_now_ms,
        max_channels=limits.max_channels,
    )
    stream = Stream(stage, registry, limits, forget_feeds=feeds.forget)
    tasks = [
        asyncio.create_task(broker.run(), name="stream-broker"),
        asyncio.create_task(stream.run(), name="stream-housekeeping"),
    ]
    stack.push_async_callback(cancellation.end, tasks)
    app.state.stream = stream
    app.state.stream_origins = frozenset({settings.gateway_url.rstrip("/"), *settings.allowed_origins})
    stream_metrics.register(stream_metrics.StreamCollector(registry, hub, lambda: broker.connected), stack)
    drain.on_sigterm(registry.drain, app.state.doorway.is_empty, stack)
    return broker


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
