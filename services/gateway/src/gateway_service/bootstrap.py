"""Builds the gateway: the only place that names both its ports and what fills them."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from fastapi import FastAPI

from breezeway.http.app import Check
from breezeway.http.client import ServiceClient
from breezeway.redis.client import connect
from breezeway.security.authenticator import Authenticator
from breezeway.security.service_tokens import ServiceTokens
from gateway_service.adapters.claim_store import RedisClaimStore
from gateway_service.adapters.upstreams import Upstreams
from gateway_service.api.docs import DocumentCache
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
        },
        tokens,
    )
    stack.push_async_callback(services.aclose)

    async def fetch_keys() -> dict[str, Any]:
        return await auth.call("GET", "/.well-known/jwks.json", dict[str, Any])

    app.state.services = services
    app.state.service_tokens = tokens
    app.state.authenticator = Authenticator(fetch_keys)
    app.state.claims = RedisClaimStore(redis)
    app.state.documents = DocumentCache()
    return {"redis": redis.ping, "auth": auth.ready}
