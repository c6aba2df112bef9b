"""The feed's way as real processes - simulator, owners, gateway - with auth and instruments played by this process."""

import asyncio
import base64
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from breezeway.breeze.master import parse_master
from breezeway.contracts.auth import KEY_SESSION_PREFIX
from breezeway.db import migrate
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.security.tokens import AUDIENCE, ISSUER, SigningKey, sign
from breezeway.testing.eventually import eventually

REPOSITORY = Path(__file__).resolve().parents[4]
INTERNAL_KEY = "test-internal-key-" + "x" * 32


@dataclass
class Neighbours:
    """Auth and instruments, as much of them as the stream asks for."""

    simulator_url: str
    account_id: UUID = field(default_factory=new_id)
    user_id: UUID = field(default_factory=new_id)
    version: int = 1
    broker_user_id: str = ""
    session_key: str = ""
    connected: bool = True
    reports: list[dict[str, Any]] = field(default_factory=list)
    credential_reads: int = 0
    session_reads: Counter[UUID] = field(default_factory=Counter)
    tokens: dict[str, str] = field(default_factory=dict)
    refresh_token: str = "refresh-0"
    refreshes: int = 0
    token_seconds: int = 900
    """How long the access tokens of `/api/v1/auth/refresh` are valid."""
    api_keys: dict[str, UUID] = field(default_factory=dict)
    """Keys that are accepted, and their ids."""
    api_key_seconds: int = 900
    """How long the access tokens of an exchange are valid."""
    api_key_ips: list[str] = field(default_factory=list)
    key: SigningKey = field(default_factory=lambda: SigningKey("test", ec.generate_private_key(ec.SECP256R1())))
    url: str = ""

    def access_token(
        self, *, seconds: int = 900, user_id: UUID | None = None, sid: str = "s1", scope: str = "read data trade"
    ) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user_id or self.user_id), "role": "user", "sid": sid}
        return sign({**claims, "scope": scope, "iat": now, "exp": now + seconds, "jti": new_id().hex}, self.key)

    def add_api_key(self) -> str:
        """A new key of the user, which works from anywhere."""
        key = f"bwk_{new_id().hex[:22]}_{new_id().hex}{new_id().hex[:11]}"
        self.api_keys[key] = new_id()
        return key

    async def log_in(self) -> None:
        """Open a broker session at the simulator."""
        async with httpx.AsyncClient(base_url=self.simulator_url) as http:
            answer = await http.post("/_sim/login", json={"api_key": "sim+key=1"})
            answer.raise_for_status()
            details = await http.request(
                "GET",
                "/breezeapi/api/v1/customerdetails",
                headers={"Content-Type": "application/json"},
                json={"SessionToken": answer.json()["api_session"], "AppKey": "sim+key=1"},
            )
            token = details.json()["Success"]["session_token"]
            self.broker_user_id, _, self.session_key = base64.b64decode(token).decode().partition(":")

    def session(self) -> dict[str, Any]:
        return {
            "account_id": str(self.account_id),
            "user_id": str(self.user_id),
            "environment": "simulator",
            "state": "active",
            "version": self.version,
        }

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/livez")
        async def livez() -> dict[str, str]:
            return {"status": "alive"}

        @app.get("/.well-known/jwks.json")
        async def jwks() -> dict[str, Any]:
            return {"keys": [self.key.public_jwk()]}

        @app.post("/api/v1/auth/refresh")
        async def refresh(body: dict[str, str]) -> Any:
            if body["refresh_token"] != self.refresh_token:
                problem = {"code": "refresh_token_reused", "detail": "The sign-in has ended.", "status": 401}
                return JSONResponse(problem, status_code=401)
            self.refreshes += 1
            self.refresh_token = f"refresh-{self.refreshes}"
            access = self.access_token(seconds=self.token_seconds)
            return {"access_token": access, "refresh_token": self.refresh_token, "expires_in": self.token_seconds}

        @app.post("/internal/api-keys/exchange")
        async def exchange(body: dict[str, Any]) -> Any:
            key_id = self.api_keys.get(body["key"])
            if key_id is None:
                return JSONResponse({"code": "api_key_invalid", "detail": "Unknown.", "status": 401}, status_code=401)
            return {
                "access_token": self.access_token(seconds=self.api_key_seconds, sid=f"{KEY_SESSION_PREFIX}{key_id}"),
                "expires_in": self.api_key_seconds,
                "user_id": str(self.user_id),
                "key_id": str(key_id),
                "allowed_ips": self.api_key_ips,
                "scopes": ["read", "data", "trade"],
            }

        @app.get("/internal/broker-sessions")
        async def sessions() -> list[dict[str, Any]]:
            return [self.session()] if self.connected else []

        @app.get("/internal/users/{user_id}/broker-session")
        async def of_user(user_id: UUID) -> Any:
            self.session_reads[user_id] += 1
            if not self.connected:
                body = {"code": "no_broker_session", "detail": "Connect Breeze first.", "status": 404}
                return JSONResponse(body, status_code=404)
            return self.session()

        @app.get("/internal/broker-accounts/{account_id}/credentials")
        async def credentials(account_id: UUID) -> dict[str, Any]:
            self.credential_reads += 1
            return {
                "account_id": str(account_id),
                "user_id": str(self.user_id),
                "environment": "simulator",
                "version": self.version,
                "api_key": "sim+key=1",
                "api_secret": "sim-secret",
                "broker_user_id": self.broker_user_id,
                "session_key": self.session_key,
                "expires_at": (datetime.now(UTC) + timedelta(hours=8)).isoformat(),
            }

        @app.post("/internal/broker-accounts/{account_id}/session-report")
        async def report(account_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
            self.reports.append(body)
            return {**self.session(), "state": "expired"}

        @app.post("/internal/instruments/resolve")
        async def resolve(body: dict[str, list[str]]) -> dict[str, Any]:
            found = [{"asked": n, "instrument": self.instrument(n)} for n in body["symbols"] if self.canonical(n)]
            return {"items": found, "missing": [n for n in body["symbols"] if not self.canonical(n)]}

        return app

    def canonical(self, name: str) -> str | None:
        if name in self.tokens:
            return name
        return next((symbol for symbol, token in self.tokens.items() if token == name), None)

    def instrument(self, name: str) -> dict[str, Any]:
        symbol = self.canonical(name) or ""
        return {
            "instrument_id": list(self.tokens).index(symbol) + 1,
            "symbol": symbol,
            "exchange": symbol.partition(":")[0],
            "segment": "cash",
            "type": "equity",
            "name": symbol,
            "lot_size": 1,
            "tick_size": "0.05",
            "broker_code": symbol[-6:],
            "broker_token": self.tokens[symbol],
        }


@dataclass
class FeedStack:
    """Running processes and how to reach them."""

    neighbours: Neighbours
    simulator_url: str
    gateway_url: str
    redis_url: str
    environment: dict[str, str]
    owners: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    logs: Path = Path()
    gateway: "subprocess.Popen[bytes] | None" = None
    simulator: "subprocess.Popen[bytes] | None" = None

    @property
    def stream_url(self) -> str:
        return self.gateway_url.replace("http", "ws") + "/ws/v1/stream"

    @property
    def feed(self) -> str:
        return str(self.neighbours.account_id)

    async def set_tick_rate(self, rate: float) -> None:
        await self.control("/_sim/tick-rate", {"rate": rate})

    async def control(self, path: str, body: dict[str, Any]) -> None:
        """Tell the simulator something."""
        async with httpx.AsyncClient(base_url=self.simulator_url) as http:
            (await http.post(path, json=body)).raise_for_status()

    def start_owner(self) -> "subprocess.Popen[bytes]":
        process = _spawn(
            self.environment, self.logs / f"owner{len(self.owners)}.log", "-m", "market_data_service.feed_owner"
        )
        self.owners.append(process)
        return process

    async def stop_gateway(self) -> None:
        """End it as a supervisor does, with time to tell its clients."""
        if self.gateway is not None:
            await asyncio.to_thread(_end, self.gateway)

    async def start_gateway(self) -> None:
        """Start it again at the same address."""
        self.gateway = _spawn(self.environment, self.logs / "gateway.log", *_gateway_command(self.environment))
        await eventually(lambda: _answers(self.gateway_url), 240, every=0.1)

    def owner_of(self, holder: str) -> "subprocess.Popen[bytes]":
        """The process that an owner's name (`host:pid#n`) belongs to."""
        pid = int(holder.rpartition(":")[2].partition("#")[0])
        return next(owner for owner in self.owners if owner.pid == pid)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spawn(environment: dict[str, str], log: Path, *command: str) -> "subprocess.Popen[bytes]":
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - our own modules, run by our own interpreter
            [sys.executable, *command], env={**os.environ, **environment}, stdout=out, stderr=out, cwd=REPOSITORY
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _uvicorn(app: str, port: int) -> list[str]:
    return [
        *("-m", "uvicorn", "--factory", app, "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
        *("--loop", "uvloop", "--http", "breezeway.http.patient_protocol:PatientProtocol"),
        *("--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--no-proxy-headers"),
    ]


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient() as http:
            return (await http.get(url + "/readyz", timeout=2)).status_code == 200
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def run_neighbours(simulator_url: str) -> AsyncIterator[Neighbours]:
    """Auth and instruments, served by this process."""
    port = free_port()
    neighbours = Neighbours(simulator_url, url=f"http://127.0.0.1:{port}")
    server = uvicorn.Server(
        uvicorn.Config(
            neighbours.app(),
            host="127.0.0.1",
            port=port,
            log_level="error",
            lifespan="off",
            # An owner that a test has frozen does not close its connections.
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started, 10)
        yield neighbours
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def run_gateway(valkey: EmbeddedValkey, logs: Path, **overrides: str) -> AsyncIterator[FeedStack]:
    """A gateway and its neighbours; the test itself publishes what an owner would."""
    async with run_neighbours("http://127.0.0.1:9") as neighbours:
        environment = _environment(neighbours, valkey.url, free_port()) | overrides
        stack = FeedStack(neighbours, "", environment["GATEWAY_URL"], valkey.url, environment, logs=logs)
        try:
            await stack.start_gateway()
            yield stack
        finally:
            await stack.stop_gateway()


@asynccontextmanager
async def run_feed_stack(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, logs: Path, **overrides: str
) -> AsyncIterator[FeedStack]:
    """Simulator at 100 ticks/s, neighbours and gateway; whoever asks for them starts the owners."""
    database = f"feed_{new_id().hex}"
    await asyncio.to_thread(postgres.create_database, database)
    url = postgres.url(database)
    await asyncio.to_thread(migrate.upgrade, REPOSITORY / "services" / "market-data", url)
    simulator_port = free_port()
    simulator_url = f"http://127.0.0.1:{simulator_port}"
    async with run_neighbours(simulator_url) as neighbours:
        environment = _environment(neighbours, valkey.url, free_port()) | {
            "DATABASE_URL": url,
            "BREEZE_SIMULATOR_URL": simulator_url,
            "BREEZE_SIM_TICK_RATE": "100",
            "BREEZE_SIM_CLOCK": "replay:2026-11-18",
            **overrides,
        }
        simulator = _uvicorn("breeze_simulator.main:create_app", simulator_port)
        processes = [
            _spawn(environment, logs / "simulator.log", *simulator),
            _spawn(environment, logs / "gateway.log", *_gateway_command(environment)),
        ]
        stack = FeedStack(neighbours, simulator_url, environment["GATEWAY_URL"], valkey.url, environment, logs=logs)
        stack.simulator, stack.gateway = processes
        try:
            for address in (simulator_url, stack.gateway_url):
                await eventually(lambda address=address: _answers(address), 240, every=0.1)
            neighbours.tokens = await _shares(simulator_url)
            await neighbours.log_in()
            yield stack
        finally:
            for process in (*stack.owners, *reversed(processes)):
                await asyncio.to_thread(_end, process)


def _environment(neighbours: Neighbours, redis_url: str, gateway_port: int) -> dict[str, str]:
    return {
        "BREEZEWAY_ENVIRONMENT": "test",
        "BREEZEWAY_INTERNAL_KEY": INTERNAL_KEY,
        "REDIS_URL": redis_url,
        "AUTH_URL": neighbours.url,
        "INSTRUMENTS_URL": neighbours.url,
        "MARKET_DATA_URL": neighbours.url,
        "GATEWAY_URL": f"http://127.0.0.1:{gateway_port}",
        "LOG_FORMAT": "json",
    }


def _gateway_command(environment: dict[str, str]) -> list[str]:
    return _uvicorn("gateway_service.main:create_app", int(environment["GATEWAY_URL"].rpartition(":")[2]))


async def _shares(simulator_url: str) -> dict[str, str]:
    """Symbol to feed token of shares, from the simulator's own master."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(simulator_url + "/MotherAppMaster/SecurityMaster.zip", timeout=60)
    parsed = await asyncio.to_thread(parse_master, answer.content)
    rows = [row for row in parsed.rows if row.exchange == "NSE" and row.kind == "equity"]
    return {f"NSE:{row.code}": row.broker_token for row in rows if row.broker_token is not None}
