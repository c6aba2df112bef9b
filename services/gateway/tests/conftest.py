"""The gateway in this process, in front of a service that records what reaches it; real Valkey."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from redis.asyncio import Redis

from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.testing.fake_service import FakeService, serve
from gateway_service.main import create_app
from gateway_service.settings import GatewaySettings

INTERNAL_KEY = "k" * 40

OpenGateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest_asyncio.fixture(scope="session")
async def service() -> AsyncIterator[tuple[FakeService, str]]:
    fake = FakeService()
    async with serve(fake.app) as origin:
        yield fake, origin


@pytest.fixture
def behind(service: tuple[FakeService, str], redis: Redis) -> FakeService:
    """What is behind the gateway; Valkey is empty."""
    fake = service[0]
    fake.seen.clear()
    fake.exchanges.clear()
    fake.keys.clear()
    fake.away = False
    return fake


@pytest.fixture
def open_app(behind: FakeService, service: tuple[FakeService, str], valkey: EmbeddedValkey) -> Callable[..., FastAPI]:
    """Makes the application; keyword arguments are variables of its environment."""
    free = socket.create_server(("127.0.0.1", 0))
    nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()

    def make(**variables: Any) -> FastAPI:
        given = {
            "BREEZEWAY_INTERNAL_KEY": INTERNAL_KEY,
            "REDIS_URL": valkey.url,
            "AUTH_URL": service[1],
            "INSTRUMENTS_URL": nobody,
            "MARKET_DATA_URL": service[1],
            "BREEZEWAY_BODY_LIMIT": 2048,
            "BREEZEWAY_WEB_ROOT": "/nonexistent",  # whether the app was built here is not what this tests
        }
        return create_app(GatewaySettings.model_validate(given | variables))

    return make


@pytest.fixture
def open_gateway(open_app: Callable[..., FastAPI]) -> OpenGateway:
    """A client of a gateway; `peer` is the address from which it calls."""

    @asynccontextmanager
    async def opened(peer: str = "127.0.0.1", **variables: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = open_app(**variables)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 40_000))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://gw") as client,
        ):
            yield client

    return opened


@pytest_asyncio.fixture
async def gateway(open_gateway: OpenGateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway with the settings of a developer's machine."""
    async with open_gateway() as client:
        yield client
