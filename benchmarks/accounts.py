"""Accounts: logins, what they do to the event loop, and what credentials and limits cost each request.

The lag is watched inside the auth process, the load comes from this one; the three share the machine with PostgreSQL.
The gateway is measured in a whole stack, over loopback sockets, its limits out of the way.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import websockets
from cryptography.hazmat.primitives.asymmetric import ec
from numpy.typing import NDArray

from benchmarks.table import Row
from breezeway.db import migrate
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis.client import connect
from breezeway.security.authenticator import Authenticator
from breezeway.security.tokens import AUDIENCE, ISSUER, SigningKey, TokenVerifier, public_keys, sign
from breezeway.supervisor.ports import free_port
from breezeway.testing.api_user import ApiUser
from breezeway.testing.eventually import eventually
from breezeway.testing.plugin import REPOSITORY
from breezeway.testing.stack_process import StackProcess
from breezeway.testing.stream_client import StreamClient
from gateway_service.adapters.redis_buckets import RedisBuckets
from gateway_service.application.limits import Caller, RequestLimits
from gateway_service.domain.rates import LocalBuckets
from gateway_service.domain.route_classes import DEFAULTS, RouteClass

PARALLEL = 50
IDLE_SECONDS = 3.0
"""What the machine does to the loop without us, to read the other figure by."""
Float64Array = NDArray[np.float64]
COST = "argon2id 19 MiB, t=2, p=1"
SYSTEM = "Breezeway"
CONNECTIONS = 16
SECONDS = 5.0
LOGOUTS = 20
EACH_SERVICE = (
    "/api/v1/users/me",
    "/api/v1/instruments/sync",
    "/api/v1/watchlists",
    "/api/v1/trading/accounts",
    "/api/v1/notifications",
)
# JSON, as an operator would write it: nothing of this is reached here.
LIMITS = (
    '{"read": {"ip": "10000000/60", "user": "10000000/60", "key": "10000000/60"}, "everything": {"all": "10000000/60"}}'
)


def rows() -> Iterator[Row]:
    """Logins, tokens, limits, then requests through the gateway."""
    with tempfile.TemporaryDirectory(prefix="breezeway-bench-") as folder:
        home = Path(folder)
        (home / "pg").mkdir()
        (home / "vk").mkdir()
        with EmbeddedPostgres(home / "pg", durable=False) as postgres, EmbeddedValkey(home / "vk") as valkey:
            postgres.create_database("auth")
            migrate.upgrade(REPOSITORY / "services" / "auth", postgres.url("auth"))
            yield from _auth(home, postgres.url("auth"), valkey.url)
            yield from _tokens()
            yield from asyncio.run(_limits(valkey.url))
    yield from _gateway()


def _auth(home: Path, database_url: str, redis_url: str) -> Iterator[Row]:
    port = free_port()
    environment = {
        **os.environ,
        "BREEZEWAY_HOME": str(home),
        "BREEZEWAY_INTERNAL_KEY": uuid4().hex,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "LOGIN_LIMIT_PER_MINUTE": "100000",
        "LOGIN_IP_LIMIT_PER_MINUTE": "100000",
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "benchmarks.accounts_server", str(port)]
    server = subprocess.Popen(command, env=environment, cwd=REPOSITORY)  # noqa: S603 - our own module
    try:
        yield from asyncio.run(_logins(f"http://127.0.0.1:{port}"))
    finally:
        server.terminate()
        server.wait(30)


async def _logins(url: str) -> list[Row]:
    who = {"email": "asha@example.com", "password": "correct horse battery staple"}
    limits = httpx.Limits(max_connections=PARALLEL)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as http:

        async def answers() -> bool:
            try:
                return (await http.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers, 60, every=0.1)
        (await http.post("/api/v1/auth/register", json=who)).raise_for_status()

        async def log_in() -> None:
            (await http.post("/api/v1/auth/login", json=who)).raise_for_status()

        await asyncio.gather(*(log_in() for _ in range(PARALLEL)))  # opens the connections
        alone = [await _timed(log_in) for _ in range(20)]
        await http.get("/_lag")
        await asyncio.sleep(IDLE_SECONDS)
        idle = np.array((await http.get("/_lag")).json()) * 1000
        started = time.perf_counter()
        await asyncio.gather(*(log_in() for _ in range(PARALLEL)))
        took = time.perf_counter() - started
        lags = np.array((await http.get("/_lag")).json()) * 1000
    return [
        Row(f"login, one after the other ({COST})", SYSTEM, f"{np.median(alone) * 1000:.0f} ms"),
        Row(f"login, {PARALLEL} in parallel", SYSTEM, f"{PARALLEL / took:.0f} /s"),
        Row("event loop lag of auth, nothing to do", SYSTEM, _spread(idle)),
        Row(f"event loop lag of auth, {PARALLEL} parallel logins", SYSTEM, _spread(lags)),
    ]


def _spread(milliseconds: Float64Array) -> str:
    p50, p99, worst = np.percentile(milliseconds, [50, 99, 100])
    return f"p50 {p50:.1f}, p99 {p99:.1f}, max {worst:.1f} ms"


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def _tokens() -> Iterator[Row]:
    key = SigningKey("bench", ec.generate_private_key(ec.SECP256R1()))
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(new_id()),
        "exp": now + 900,
        "iat": now,
        "jti": "j",
        "sid": "s",
    }
    token = sign({**claims, "role": "user", "scope": "read"}, key)
    jwks = {"keys": [key.public_jwk()]}
    verifier = TokenVerifier(public_keys(jwks))
    yield Row("access token, first seen: verifications", SYSTEM, f"{_rate(lambda: verifier.verify(token)):,.0f} /s")

    async def fetch() -> Mapping[str, object]:
        return jwks

    async def again() -> float:
        authenticator = Authenticator(fetch)
        await authenticator.authenticate(token)
        started = time.perf_counter()
        for _ in range(20_000):
            await authenticator.authenticate(token)
        return 20_000 / (time.perf_counter() - started)

    yield Row("access token, seen before: verifications", SYSTEM, f"{asyncio.run(again()):,.0f} /s")


def _rate(work: Callable[[], object], seconds: float = 1.0) -> float:
    work()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        work()
        count += 1
    return count / (time.perf_counter() - started)


async def _limits(redis_url: str) -> list[Row]:
    redis = connect(redis_url, timeout=0.5, retries=0)
    rates = {kind: {party: rate.times(100_000) for party, rate in each.items()} for kind, each in DEFAULTS.items()}
    limits = RequestLimits(rates, RedisBuckets(redis), LocalBuckets(time.monotonic), time.monotonic)
    caller = Caller("203.0.113.9", new_id(), str(new_id()))
    try:
        for _ in range(200):
            await limits.admit(RouteClass.READ, caller)
        took = [await _timed(lambda: limits.admit(RouteClass.READ, caller)) for _ in range(3_000)]
    finally:
        await redis.aclose()
    p50, p99 = np.percentile(np.array(took) * 1e6, [50, 99])
    return [Row("limits of one request (4 buckets in Valkey)", SYSTEM, f"p50 {p50:.0f} µs, p99 {p99:.0f} µs")]


def _gateway() -> Iterator[Row]:
    environment = {"BREEZEWAY_DEMO": "off", "BREEZEWAY_LIMITS": LIMITS, "BREEZE_SIM_CLOCK": "replay:2026-11-18"}
    with (
        tempfile.TemporaryDirectory(prefix="breezeway-bench-") as folder,
        StackProcess(Path(folder), environment=environment) as stack,
    ):
        stack.start(180)
        yield from asyncio.run(_requests(stack))
        yield asyncio.run(_revocations(stack))


async def _requests(stack: StackProcess) -> list[Row]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        user = ApiUser(http)
        await user.register()
        await user.sign_in()
        made = await http.post("/api/v1/auth/api-keys", json={"name": "bench", "scopes": ["read", "data"]})
        made.raise_for_status()
    found = []
    credentials = {"bearer": f"Authorization: Bearer {user.token}", "API key": f"X-API-Key: {made.json()['key']}"}
    for path, what in (("/.well-known/jwks.json", "a constant answer"), ("/api/v1/users/me", "a row of PostgreSQL")):
        for name, header in credentials.items():
            latencies, took = await _load(stack.port, path, header)
            p50, p99 = np.percentile(np.array(latencies) * 1000, [50, 99])
            figure = f"{len(latencies) / took:,.0f} /s, p50 {p50:.1f}, p99 {p99:.1f} ms"
            found.append(Row(f"through the gateway, {CONNECTIONS} clients, {name}: {what}", SYSTEM, figure))
    return found


async def _revocations(stack: StackProcess) -> Row:
    """From the answer to a logout until every service refuses the access token and its stream is closed."""
    took = []
    for _ in range(LOGOUTS):
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
            user = ApiUser(http)
            await user.register()
            await user.sign_in()
            for path in EACH_SERVICE:
                (await http.get(path)).raise_for_status()
            async with StreamClient.connect(f"ws://127.0.0.1:{stack.port}/ws/v1/stream", user.token) as stream:
                (await http.post("/api/v1/auth/logout", json={"refresh_token": user.refresh_token})).raise_for_status()
                ended = time.perf_counter()
                with suppress(websockets.ConnectionClosed):
                    await stream.next("never")
                for path in EACH_SERVICE:
                    while (await http.get(path)).status_code != 401:
                        pass
                took.append(time.perf_counter() - ended)
    figure = f"p50 {np.median(took) * 1000:.0f}, max {max(took) * 1000:.0f} ms"
    return Row(f"logout to refusal by each service and the stream, {LOGOUTS} times (target 2 s)", SYSTEM, figure)


async def _load(port: int, path: str, header: str) -> tuple[list[float], float]:
    """Latencies in seconds of requests on kept connections, each sent when the last was answered."""
    latencies: list[float] = []
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}\r\n\r\n".encode()
    until = time.perf_counter() + SECONDS

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while (started := time.perf_counter()) < until:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                assert head.startswith(b"http/1.1 200"), head
                if b"transfer-encoding: chunked" in head:
                    await reader.readuntil(b"0\r\n\r\n")
                else:
                    await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                latencies.append(time.perf_counter() - started)
        finally:
            writer.close()
            await writer.wait_closed()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return latencies, time.perf_counter() - begun
