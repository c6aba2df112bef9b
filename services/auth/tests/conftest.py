"""The auth service in one process: real PostgreSQL and Valkey, a clock that we move, and a broker that does as told."""

import base64
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from redis.asyncio import Redis

from auth_service.adapters.signing_keys import load_signing_key
from auth_service.application.broker_ports import CallsLeft, SessionKeys
from auth_service.bootstrap import Broker
from auth_service.domain.broker_accounts import AppKeys, OpenedSession
from auth_service.main import create_app
from auth_service.settings import AuthSettings
from breezeway.breeze.values import BrokerProfile, Funds, Holding, Position
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.db import migrate
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.errors import BreezewayError, UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens
from breezeway.testing.clock import FixedClock
from breezeway.testing.eventually import eventually

INTERNAL_KEY = "a key for tests that is long enough to pass"
START = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
SECRETS = ("sim-secret-canary-7731", "session-key-canary-9942", "sim+key=canary=4410", "apisession-canary-55")


@dataclass
class FakeBroker:
    """A broker that accepts everything until `refusal` is set."""

    refusal: BreezewayError | None = None
    budget_down: bool = False
    during_open: Callable[[], Any] | None = None
    opened: list[tuple[UUID, str, str]] = field(default_factory=list)
    asked: list[SessionKeys] = field(default_factory=list)

    def check_environment(self, environment: BrokerEnvironment) -> None:
        return None

    def login_page(self, environment: BrokerEnvironment, api_key: str, state: str) -> str:
        return f"https://broker.example/login?state={state}"

    async def open_session(
        self, account_id: UUID, environment: BrokerEnvironment, app: AppKeys, api_session: str
    ) -> OpenedSession:
        self.opened.append((account_id, app.api_secret, api_session))
        if self.during_open is not None:
            await self.during_open()
        if self.refusal is not None:
            raise self.refusal
        return OpenedSession("SIM00001", SECRETS[1], api_session, "DEMO TRADER")

    async def profile(self, keys: SessionKeys) -> BrokerProfile:
        self._ask(keys)
        return BrokerProfile(
            "SIM00001", "DEMO TRADER", None, {"Equity": "Y"}, {"NSE": "O"}, {"NSE": date(2026, 11, 20)}
        )

    async def funds(self, keys: SessionKeys) -> Funds:
        self._ask(keys)
        amounts = {"equity": Decimal("200.50")}
        return Funds("…9012", Decimal("800.10"), Decimal("87.5"), amounts, {"equity": Decimal("0.0")})

    async def holdings(self, keys: SessionKeys) -> list[Holding]:
        self._ask(keys)
        return [Holding("RELIND", "INE002A01018", 3, 2, 1, Decimal("1250.05"), None, None, None)]

    async def positions(self, keys: SessionKeys) -> list[Position]:
        self._ask(keys)
        return [
            Position(
                "fno", "options", "NFO", "NIFTY", date(2026, 11, 24), Decimal("26000"), "CE", "BUY", 75,
                Decimal("101.5"), Decimal("99.95"), None, "NIFTY",
            )
        ]  # fmt: skip

    async def left(self, account_id: UUID) -> CallsLeft:
        if self.budget_down:
            raise UpstreamUnavailable("The limiter does not answer.", code="quota_unavailable")
        return CallsLeft(minute=88, today=4_990, used_today=10)

    def _ask(self, keys: SessionKeys) -> None:
        self.asked.append(keys)
        if self.refusal is not None:
            raise self.refusal


@dataclass
class Auth:
    """One running auth service."""

    app: FastAPI
    http: httpx.AsyncClient
    clock: FixedClock
    broker: FakeBroker
    settings: AuthSettings
    emails: int = 0

    async def register(self, email: str | None = None, password: str = PASSWORD) -> dict[str, Any]:
        self.emails += 1
        body = {"email": email or f"user{self.emails}@example.com", "password": password}
        answer = await self.http.post("/api/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def login(self, email: str, password: str = PASSWORD) -> dict[str, Any]:
        answer = await self.http.post("/api/v1/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def user(self) -> tuple[dict[str, Any], dict[str, str]]:
        """A new signed-in user, and the headers they send."""
        session = await self.login((await self.register())["email"])
        return session, {"Authorization": f"Bearer {session['access_token']}"}

    async def account(self, headers: dict[str, str], **changes: Any) -> str:
        """A new broker account; returns its id."""
        body = {
            "broker": "breeze",
            "label": "Simulator",
            "api_key": SECRETS[2],
            "api_secret": SECRETS[0],
            "environment": "simulator",
        }
        answer = await self.http.post("/api/v1/broker-accounts", json=body | changes, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def connected(self, headers: dict[str, str]) -> str:
        """A new connected broker account; returns its id."""
        account = await self.account(headers)
        path = f"/api/v1/broker-accounts/{account}/session"
        answer = await self.http.post(path, json={"api_session": SECRETS[3]}, headers=headers)
        assert answer.status_code == 200, answer.text
        return account

    async def mail_to(self, email: str, subject: str, count: int = 1) -> str:
        """The newest mail to an address whose subject contains `subject`, once there are `count` of them."""
        found: list[dict[str, Any]] = []

        async def arrived() -> bool:
            await self.deliver()
            answer = await self.http.get(f"/api/v1/dev/mailbox?to={quote(email)}")
            assert answer.status_code == 200, answer.text
            found[:] = [mail for mail in answer.json()["items"] if subject in mail["subject"]]
            return len(found) >= count

        await eventually(arrived, 30)
        return str(found[0]["text"])

    async def token_to(self, email: str, subject: str, count: int = 1) -> str:
        """The token in the newest such mail."""
        found = re.search(r"#token=(\S+)", await self.mail_to(email, subject, count))
        assert found
        return found[1]

    async def deliver(self) -> None:
        """Send every mail that is due."""
        while await self.app.state.services.post_office.deliver():
            pass

    def as_service(self, name: str) -> dict[str, str]:
        return {SERVICE_TOKEN_HEADER: ServiceTokens(INTERNAL_KEY, name).issue("auth")}


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://auth.test"
        ) as http,
    ):
        yield http


Starter = Callable[..., AbstractAsyncContextManager[Auth]]


@pytest.fixture(scope="session")
def migrated_database(postgres: EmbeddedPostgres) -> str:
    """A migrated database for all tests of this service; they run one after the other."""
    name = f"auth_{new_id().hex}"
    postgres.create_database(name)
    migrate.upgrade(Path(__file__).resolve().parents[1], postgres.url(name))
    return postgres.url(name)


@pytest.fixture
async def auth_url(migrated_database: str) -> str:
    """The migrated database, emptied: a database for each test would cost more than most of the tests."""
    connection = await asyncpg.connect(migrated_database)
    try:
        # The audit log's trigger refuses a TRUNCATE, as it must; a replica does not fire it.
        tables = await connection.fetchval(
            "SELECT string_agg(format('%I', tablename), ', ') FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        await connection.execute(f"SET session_replication_role = replica; TRUNCATE {tables} RESTART IDENTITY")
    finally:
        await connection.close()
    return migrated_database


@pytest.fixture(autouse=True)
def patient_deny_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests may not get to reading Redis for seconds; what must happen when nobody
    can be asked is tested with a Redis that is away."""
    monkeypatch.setattr("breezeway.security.revocation.STALE_SECONDS", 30.0)


@pytest.fixture
def start(auth_url: str, valkey: EmbeddedValkey, redis: Redis, tmp_path: Path) -> Starter:
    """Starts the service on the test's own stores; keywords are settings by their environment names."""

    @asynccontextmanager
    async def starter(
        broker: FakeBroker | None = None, real_broker: bool = False, **environment: Any
    ) -> AsyncIterator[Auth]:
        values = {
            "BREEZEWAY_ENVIRONMENT": "test",
            "BREEZEWAY_HOME": tmp_path,
            "BREEZEWAY_INTERNAL_KEY": INTERNAL_KEY,
            "BREEZEWAY_VAULT_KEY": base64.b64encode(os.urandom(32)).decode(),
            "DATABASE_URL": auth_url,
            "REDIS_URL": valkey.url,
            "BREEZE_SIMULATOR_URL": "http://127.0.0.1:9",
            "LOGIN_LIMIT_PER_MINUTE": 1000,
            "LOGIN_IP_LIMIT_PER_MINUTE": 1000,
            "REGISTER_LIMIT_PER_MINUTE": 1000,
        }
        settings = AuthSettings.model_validate(values | environment)
        clock = FixedClock(datetime.now(UTC))
        fake = broker or FakeBroker()
        app = create_app(settings, clock=clock, broker=None if real_broker else Broker(fake, fake, fake))
        async with running(app) as http:
            yield Auth(app, http, clock, fake, settings)

    return starter


@pytest.fixture
def production(tmp_path: Path) -> dict[str, str]:
    """Settings of production, which needs a signing key of its own."""
    load_signing_key(tmp_path / "signing.pem", generate=True)
    return {"BREEZEWAY_ENVIRONMENT": "production", "BREEZEWAY_SIGNING_KEY_FILE": str(tmp_path / "signing.pem")}


@pytest_asyncio.fixture
async def auth(start: Starter) -> AsyncIterator[Auth]:
    """The service with default settings."""
    async with start() as running_auth:
        yield running_auth


def state_of(url: str) -> str:
    """The `state` in a login URL."""
    found = re.search(r"state=([^&]+)", url)
    assert found
    return found[1]
