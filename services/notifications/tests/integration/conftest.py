"""The notifications service on real PostgreSQL and Valkey, with neighbours, a mail server and receivers of our own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
import pytest_asyncio
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.bus.durable import DurableChannels, Place
from breezeway.contracts.events import Event
from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens
from breezeway.security.tokens import Principal
from breezeway.testing.eventually import eventually
from notifications_service import bootstrap
from notifications_service.adapters.db.work import PostgresWork
from notifications_service.main import create_app
from notifications_service.settings import NotificationsSettings, WorkerSettings

SERVICE = Path(__file__).resolve().parents[2]
INTERNAL_KEY = "a key for tests that is long enough to pass"
FEED = UUID(int=77)
PAPER, LIVE = UUID(int=501), UUID(int=502)


class Receiver:
    """A webhook's receiver: keeps what it gets, and answers with `status`. `held` keeps answers back."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.held = asyncio.Event()
        self.held.set()
        self.app = FastAPI()

        @self.app.post("/{path:path}")
        async def take(path: str, request: Request) -> Response:
            self.seen.append((dict(request.headers), await request.body()))
            await self.held.wait()
            if path.endswith("/sendMessage"):
                return Response(b'{"ok":true}', self.status, media_type="application/json")
            return Response(b"answer", self.status, headers=self.headers)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.seen]

    @property
    def ids(self) -> set[str]:
        """The events that arrived, however often each did."""
        return {headers["breezeway-event"] for headers, _ in self.seen}


@asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """An application on a port of the loopback."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await eventually(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


class ByToken:
    """`<user>` is signed in; `<user>~<scope>` is an API key with one scope."""

    async def authenticate(self, token: str, *, changes_something: bool = False) -> Principal:
        user, _, scope = token.partition("~")
        scopes = frozenset({scope} if scope else {"read", "data", "trade"})
        return Principal(UUID(user), "user", scopes, "key:1" if scope else "s", "t", 2_000_000_000)


@dataclass
class Neighbours:
    """Auth, instruments and trading in one, as simple as can be."""

    url: str = ""
    addresses: dict[str, str] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    by_key: dict[str, str] = field(default_factory=dict)
    trading_status: int = 200
    places_before_it_fails: bool = False

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/internal/users/{user_id}")
        async def user(user_id: str) -> dict[str, Any]:
            address = self.addresses.get(user_id, "")
            return {"email": address, "active": True, "email_verified": bool(address)}

        @app.get("/internal/users/{user_id}/broker-session")
        async def session(user_id: str) -> dict[str, Any]:
            names = {"account_id": str(FEED), "user_id": user_id, "environment": "simulator", "state": "active"}
            return {**names, "version": 1, "expires_at": None}

        @app.post("/internal/instruments/resolve")
        async def resolve(body: dict[str, Any]) -> dict[str, Any]:
            known = [name for name in body["symbols"] if name.startswith("NSE:")]
            items = [{"asked": name, "instrument": _instrument(name)} for name in known]
            return {"items": items, "missing": [name for name in body["symbols"] if name not in known]}

        @app.get("/api/v1/trading/accounts/{account_id}")
        async def account(account_id: UUID) -> Response:
            if account_id not in (PAPER, LIVE):
                return _problem(404, "account_not_found")
            kind = "paper" if account_id == PAPER else "live"
            return Response(orjson.dumps({"id": account_id, "kind": kind}), media_type="application/json")

        @app.post("/internal/users/{user_id}/orders")
        async def place(user_id: str, request: Request) -> Response:
            body, key = await request.json(), request.headers["Idempotency-Key"]
            if self.trading_status != 200 and not self.places_before_it_fails:
                return _problem(self.trading_status, "insufficient_funds")
            if key not in self.by_key:
                self.by_key[key] = str(new_id())
                self.orders.append({"user_id": user_id, **body})
            if self.trading_status != 200:
                return _problem(self.trading_status, "trading_unavailable")
            return Response(orjson.dumps(_order_view(self.by_key[key], body)), media_type="application/json")

        return app


def _problem(status: int, code: str) -> Response:
    return Response(orjson.dumps({"code": code, "detail": code, "status": status}), status)


def _instrument(symbol: str) -> dict[str, Any]:
    names = {"instrument_id": 1, "symbol": symbol.upper(), "exchange": "NSE", "segment": "cash", "type": "equity"}
    more = {"name": symbol, "lot_size": 1, "tick_size": "0.05", "broker_code": "X", "broker_token": "4.1!1"}
    return {**names, **more, "series": "EQ"}


def _order_view(order_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    empty = dict.fromkeys(("client_order_id", "trigger_price", "price", "tag", "average_price", "code", "text"))
    numbers = {"quantity": str(body["quantity"]), "disclosed_quantity": "0", "filled_quantity": "0", "blocked": "0.00"}
    times = {"placed_at": datetime.now(UTC).isoformat(), "updated_at": datetime.now(UTC).isoformat()}
    terms = {"side": body["side"], "order_type": "market", "product": "mis", "validity": "day", "state": "new"}
    return {**empty, **numbers, **times, **terms, "id": order_id, "account_id": str(PAPER), "symbol": body["symbol"]}


@dataclass
class Notifications:
    """The service: its API, its database and its worker, which runs while a test wants it to."""

    http: httpx.AsyncClient
    engine: AsyncEngine
    redis: "Redis"
    neighbours: Neighbours
    settings: dict[str, Any]
    app: FastAPI

    def work(self) -> PostgresWork:
        return PostgresWork(self.engine)

    def signed_in(self, user: UUID) -> dict[str, str]:
        return {"Authorization": f"Bearer {user}"}

    def api_key(self, user: UUID, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {user}~{scope}"}

    async def tell(self, *events: Event, service: str = "trading") -> httpx.Response:
        """What a producer's outbox does."""
        token = ServiceTokens(INTERNAL_KEY, service).issue("notifications")
        body = {"events": [event.model_dump(mode="json") for event in events]}
        return await self.http.post("/internal/events", json=body, headers={SERVICE_TOKEN_HEADER: token})

    @asynccontextmanager
    async def worker(self, **changes: Any) -> AsyncIterator[None]:
        """The worker's tasks; leaving ends them, and what takes longer than two seconds as a kill does."""
        async with AsyncExitStack() as stack:
            settings = WorkerSettings.model_validate(self.settings | changes)
            await bootstrap.build_worker(settings, FastAPI(), stack)
            yield

    async def shown(self, user: UUID) -> list[dict[str, Any]]:
        """Every message on the user's stream."""
        channels = DurableChannels(self.redis)
        epoch = (await channels.since(user, "notifications", None)).place.epoch
        missed = await channels.since(user, "notifications", Place(0, epoch))
        return [orjson.loads(body) for body in missed.bodies]

    async def inbox(self, user: UUID) -> list[dict[str, Any]]:
        answer = await self.http.get("/api/v1/notifications", headers=self.signed_in(user))
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def tick(self, symbol: str, price: str | Decimal, **more: Any) -> None:
        """What the feed owner publishes and keeps."""
        body = orjson.dumps(
            {"type": "tick", "symbol": symbol, "ltp": float(price), "ts": int(datetime.now(UTC).timestamp() * 1000)}
            | more
        )
        await self.redis.hset(keys.snapshot(str(FEED)), f"tick:{symbol}", body)  # type: ignore[misc]
        await self.redis.publish(keys.feed_channel(str(FEED), f"tick:{symbol}"), body)

    async def is_watched(self, symbol: str) -> bool:
        """Whether the worker would hear a tick of `symbol` that comes now."""
        return bool(
            dict(await self.redis.pubsub_numsub(keys.feed_channel(str(FEED), f"tick:{symbol}")))[
                keys.feed_channel(str(FEED), f"tick:{symbol}").encode()
            ]
        )


Start = Callable[..., AbstractAsyncContextManager[Notifications]]


@pytest.fixture(scope="session")
def notifications_url(postgres: EmbeddedPostgres) -> str:
    """A migrated database that all tests share; each has users of its own."""
    name = f"notifications_{new_id().hex}"
    postgres.create_database(name)
    migrate.upgrade(SERVICE, postgres.url(name))
    return postgres.url(name)


@pytest.fixture
def start(notifications_url: str, valkey: EmbeddedValkey, redis: "Redis") -> Start:
    """Starts the service with the settings given."""

    @asynccontextmanager
    async def started(**changes: Any) -> AsyncIterator[Notifications]:
        neighbours = Neighbours()
        async with AsyncExitStack() as stack:
            neighbours.url = await stack.enter_async_context(serving(neighbours.app()))
            settings: dict[str, Any] = {
                "BREEZEWAY_ENVIRONMENT": "test",
                "BREEZEWAY_INTERNAL_KEY": INTERNAL_KEY,
                "DATABASE_URL": notifications_url,
                "REDIS_URL": valkey.url,
                "AUTH_URL": neighbours.url,
                "INSTRUMENTS_URL": neighbours.url,
                "TRADING_URL": neighbours.url,
                "GATEWAY_URL": "http://breezeway.example",
                "NOTIFY_RETRY_SECONDS": 0.05,
                "NOTIFY_LEASE_SECONDS": 1.0,
                "BREEZEWAY_WEBHOOK_ALLOW_HTTP": True,
                "BREEZEWAY_WEBHOOK_ALLOW_NETWORKS": ["127.0.0.0/8"],
                **changes,
            }
            engine = create_engine(notifications_url, application="tests", pool_size=5)
            stack.push_async_callback(engine.dispose)
            async with engine.begin() as connection:
                await connection.execute(sa.text("DELETE FROM alerts"))
                await connection.execute(sa.text("UPDATE deliveries SET state = 'failed' WHERE state = 'waiting'"))
            app = create_app(NotificationsSettings.model_validate(settings))
            await stack.enter_async_context(app.router.lifespan_context(app))
            # The real one refuses writes while a machine is too busy to read revocations in time.
            app.state.authenticator = ByToken()
            transport = httpx.ASGITransport(app)
            http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
            yield Notifications(http, engine, redis, neighbours, settings, app)

    return started


@pytest_asyncio.fixture
async def service(start: Start) -> AsyncIterator[Notifications]:
    async with start() as running:
        yield running


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    """A receiver and its URL."""
    made = Receiver()
    async with serving(made.app) as url:
        yield made, f"{url}/told"


@pytest.fixture
def event() -> Callable[..., Event]:
    def made(user: UUID, kind: str = "order.filled", title: str = "Bought 10 NSE:A at 100", **more: Any) -> Event:
        at = datetime.now(UTC) - timedelta(seconds=1)
        return Event(**{"user_id": user, "kind": kind, "title": title, "at": at, **more})

    return made
