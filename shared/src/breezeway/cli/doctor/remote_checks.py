"""What the stores, the broker's sessions and the public address say when they are asked."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import asyncpg
import httpx
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from breezeway.breeze.quota import BrokerQuota, QuotaRules
from breezeway.cli.doctor.findings import Finding, fault, note, ok, warning
from breezeway.cli.doctor.installation import Installation
from breezeway.cli.migrations import head_of
from breezeway.cli.stack import SERVICES_WITH_DATABASE
from breezeway.redis.client import connect

_SKEW_SECONDS, _SKEW_FAULT_SECONDS = 2.0, 20.0
"""Tokens are accepted with a leeway of 30 s."""
_WAIT = 5.0
_CERTIFICATE_DAYS = 21
_LOW_CALLS = 250
_MASTER_DAYS = 4
"""Longer than a weekend with a holiday, shorter than a week, after which options are listed that we do not know."""


async def postgres(place: Installation) -> AsyncIterator[Finding]:
    """Each service's database: reachable, migrated, and with our idea of the time."""
    behind: list[str] = []
    asked = 0
    for service in SERVICES_WITH_DATABASE:
        url = place.database_url(service)
        if url is None:
            yield note("database", "an embedded PostgreSQL that does not run cannot be asked")
            return
        try:
            connection = await asyncpg.connect(url, timeout=_WAIT)
        except asyncpg.InvalidCatalogNameError:
            behind.append(service)
            continue
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            where = f"{urlsplit(url).hostname}:{urlsplit(url).port or 5432}"
            why = "refuses the password" if isinstance(error, asyncpg.InvalidPasswordError) else "cannot be reached"
            yield fault(
                "database", f"PostgreSQL at {where} {why} ({type(error).__name__}).", "check DATABASE_URL, and start it"
            )
            return
        try:
            if not asked:
                server = float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
                yield _skew("PostgreSQL", server - time.time())
            asked += 1
            revision = await _revision(connection)
        finally:
            await connection.close()
        if revision != head_of(place.root / "services" / service):
            behind.append(service)
    if behind:
        yield fault(
            "migrations", f"Tables are older than the code, or missing: {', '.join(behind)}.", "breezeway migrate"
        )
    else:
        yield ok("migrations", f"{asked} databases are reached and up to date")


async def _revision(connection: "asyncpg.Connection") -> str | None:
    try:
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return revision


async def valkey(place: Installation) -> AsyncIterator[Finding]:
    """Reachable, with our idea of the time, and losing nothing by itself."""
    url = place.redis_url
    if url is None:
        yield note("valkey", "an embedded Valkey that does not run cannot be asked")
        return
    redis: Redis = connect(url, timeout=_WAIT, retries=0)
    where = f"{urlsplit(url).hostname}:{urlsplit(url).port or 6379}"
    try:
        seconds, microseconds = await redis.time()
        yield _skew("Valkey", seconds + microseconds / 1e6 - time.time())
        policy = (await redis.config_get("maxmemory-policy")).get("maxmemory-policy")
        if policy not in (None, "noeviction"):
            yield fault(
                "valkey",
                f"Valkey drops keys when memory is short (maxmemory-policy {policy}): leases and limits would vanish.",
                "maxmemory-policy noeviction",
            )
        else:
            yield ok("valkey", f"{where} answers")
    except AuthenticationError:
        yield fault("valkey", f"Valkey at {where} refuses the password.", "check REDIS_URL")
    except (RedisError, OSError) as error:
        yield fault(
            "valkey", f"Valkey at {where} does not answer ({type(error).__name__}).", "check REDIS_URL, and start it"
        )
    finally:
        await redis.aclose()


async def master(place: Installation) -> AsyncIterator[Finding]:
    """How old the instrument master is: contracts expire and are listed every week."""
    url = place.database_url("instruments")
    if url is None:
        return
    try:
        connection = await asyncpg.connect(url, timeout=_WAIT)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return  # said by `postgres`
    try:
        read = await connection.fetchval("SELECT max(finished_at) FROM syncs WHERE state = 'completed'")
        failed = await connection.fetchrow("SELECT state, error_code FROM syncs ORDER BY requested_at DESC LIMIT 1")
    except asyncpg.UndefinedTableError:
        return  # said by `postgres`, as a migration that is missing
    finally:
        await connection.close()
    why = f" The last attempt failed: {failed['error_code']}." if failed and failed["state"] == "failed" else ""
    remedy = "POST /api/v1/instruments/sync as an administrator; does the instruments worker run?"
    if read is None:
        yield fault("master", f"No instrument master has been read: no symbol is known.{why}", remedy)
        return
    days = (datetime.now(UTC) - read).days
    if days >= _MASTER_DAYS:
        yield warning("master", f"The instrument master was read {days} days ago.{why}", remedy)
    else:
        yield ok("master", f"the instrument master was read on {read:%d %b %Y}")


def _skew(whose: str, seconds: float) -> Finding:
    text = f"{whose}'s clock and ours differ by {abs(seconds):.1f} s"
    if abs(seconds) >= _SKEW_FAULT_SECONDS:
        return fault(
            "clock", f"{text}: tokens and sessions will be refused.", "run a time service (chrony) on both machines"
        )
    if abs(seconds) >= _SKEW_SECONDS:
        return warning("clock", f"{text}.", "run a time service (chrony) on both machines")
    return ok("clock", text)


async def broker(place: Installation) -> AsyncIterator[Finding]:
    """Sessions at the broker that have ended, and accounts whose calls are used up."""
    url, redis_url = place.database_url("auth"), place.redis_url
    if url is None or redis_url is None:
        return
    try:
        connection = await asyncpg.connect(url, timeout=_WAIT)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return  # said by `postgres`
    try:
        rows = await connection.fetch(
            "SELECT a.id, a.label, coalesce(s.state, 'disconnected') AS state, s.expires_at "
            "FROM broker_accounts a LEFT JOIN broker_sessions s ON s.account_id = a.id ORDER BY a.id LIMIT 1000"
        )
    except asyncpg.UndefinedTableError:
        return  # said by `postgres`, as a migration that is missing
    finally:
        await connection.close()
    now = datetime.now(UTC)
    ended = [
        row for row in rows if row["state"] != "active" or (row["expires_at"] is not None and row["expires_at"] <= now)
    ]
    if ended:
        states = sorted({str(row["state"]) for row in ended})
        yield warning(
            "broker",
            f"{len(ended)} of {len(rows)} broker accounts have no session ({', '.join(states)}).",
            "their users log in at the broker again: web app, Broker; sessions end every midnight in India",
        )
    elif rows:
        yield ok("broker", f"{len(rows)} broker sessions are active")
    else:
        yield note("broker", "nobody has added a broker account yet")
    async for finding in _quota(redis_url, [str(row["id"]) for row in rows]):
        yield finding


async def _quota(redis_url: str, accounts: list[str]) -> AsyncIterator[Finding]:
    redis: Redis = connect(redis_url, timeout=_WAIT, retries=0)
    try:
        quota = BrokerQuota(redis, QuotaRules())
        left = {account: (await quota.remaining(account)).day for account in accounts}
    except Exception as error:  # noqa: BLE001 - said by `valkey`; this check only adds to it
        yield note("quota", f"the broker calls cannot be counted ({type(error).__name__})")
        return
    finally:
        await redis.aclose()
    short = [account for account, calls in left.items() if calls < _LOW_CALLS]
    if short:
        yield warning(
            "quota",
            f"{len(short)} broker accounts have fewer than {_LOW_CALLS} calls left today, or are paused by the broker.",
            "wait for midnight in India, or backfill less; GET /api/v1/broker-accounts/{id} shows the budget",
        )
    elif accounts:
        yield ok("quota", f"at least {min(left.values()):,} broker calls are left today")


async def public(place: Installation) -> AsyncIterator[Finding]:
    """The public address: certificate, and what it shows that it should not."""
    url = place.gateway_url
    if not url or (place.state is None and not place.is_production and "GATEWAY_URL" not in place.environment):
        return
    parts = urlsplit(url)
    if parts.scheme == "https":
        yield await asyncio.to_thread(_certificate, parts.hostname or "", parts.port or 443)
    async with httpx.AsyncClient(verify=False, timeout=_WAIT, trust_env=False) as http:  # noqa: S501  # nosec B501 - `_certificate` judges it
        try:
            alive = await http.get(f"{url}/livez")
            metrics = await http.get(f"{url}/metrics")
        except httpx.HTTPError as error:
            yield fault(
                "public", f"{url} does not answer ({type(error).__name__}).", "is the proxy up, and GATEWAY_URL right?"
            )
            return
    if alive.status_code != 200:
        yield fault(
            "public", f"{url}/livez answers {alive.status_code}.", "does the proxy pass requests on to a gateway?"
        )
    elif place.is_production and metrics.status_code == 200:
        yield fault("public", f"{url}/metrics is open to everybody.", "let the proxy refuse it, as deploy/nginx does")
    elif parts.scheme == "https" and "strict-transport-security" not in alive.headers:
        yield warning("public", f"{url} sends no Strict-Transport-Security.", "add it, as deploy/nginx does")
    else:
        yield ok("public", f"{url} answers")


def _certificate(host: str, port: int) -> Finding:
    where = f"{host}:{port}"
    try:
        with (
            socket.create_connection((host, port), timeout=_WAIT) as link,
            ssl.create_default_context().wrap_socket(link, server_hostname=host) as secure,
        ):
            until = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        return fault(
            "tls", f"Browsers refuse the certificate of {where}: {error.verify_message}.", "docs/operations.md, TLS"
        )
    except (OSError, KeyError) as error:
        return fault("tls", f"{where} does not speak TLS ({type(error).__name__}).", "docs/operations.md, TLS")
    days = int((until - time.time()) // 86_400)
    if days < _CERTIFICATE_DAYS:
        return warning("tls", f"The certificate of {where} ends in {days} days.", "renew it; docs/operations.md, TLS")
    return ok("tls", f"the certificate of {where} is good for {days} days")
