"""`breezeway doctor` with each fault really produced: it finds that one, says what to do, and shows no secret."""

import asyncio
import base64
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from breezeway.breeze.quota import BrokerQuota
from breezeway.cli import certificate
from breezeway.cli.doctor import local_checks, remote_checks
from breezeway.cli.doctor.findings import Finding, Level
from breezeway.cli.doctor.installation import Installation
from breezeway.cli.doctor.main import examine
from breezeway.cli.home import find_root, secret_environment
from breezeway.cli.postgres_tools import query
from breezeway.db import migrate
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.supervisor import state_file
from breezeway.supervisor.ports import free_port
from breezeway.supervisor.state_file import Running, StackState

ROOT = find_root()
KEY = base64.b64encode(bytes(range(200, 232))).decode()


def place(home: Path, **environment: str) -> Installation:
    home.mkdir(parents=True, exist_ok=True)
    return Installation(ROOT, home, {"PORT": str(free_port()), **environment})


def worst(found: "list[Finding]", check: str) -> Finding:
    """The worst finding of a check."""
    order = [Level.OK, Level.NOTE, Level.WARNING, Level.FAULT]
    return max((each for each in found if each.check == check), key=lambda each: order.index(each.level))


async def gathered(checks: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in checks]


def test_a_key_that_is_missing_short_or_a_sample(tmp_path: Path) -> None:
    production = {"BREEZEWAY_ENVIRONMENT": "production"}
    missing = worst(list(local_checks.keys(place(tmp_path / "a", **production))), "keys")
    assert (missing.level, missing.detail) == (Level.FAULT, "BREEZEWAY_INTERNAL_KEY is missing.")
    assert "openssl rand -base64 32" in missing.remedy
    for bad, said in (
        ("c2hvcnQgYW5kIGJhZCE=", "needs 32"),
        ("change-me-change-me-change-me-please", "sample"),
        ("A" * 44, "sample"),
    ):
        found = worst(list(local_checks.keys(place(tmp_path / "b", BREEZEWAY_INTERNAL_KEY=bad, **production))), "keys")
        assert found.level is Level.FAULT
        assert said in found.detail
        assert bad not in str(found)
    good = list(local_checks.keys(place(tmp_path / "c", BREEZEWAY_INTERNAL_KEY=KEY, **production)))
    assert [each.level for each in good] == [Level.OK]


def test_a_sample_password_of_a_store_and_the_lack_of_a_signing_key(tmp_path: Path) -> None:
    found = list(
        local_checks.keys(
            place(
                tmp_path,
                BREEZEWAY_ENVIRONMENT="production",
                BREEZEWAY_INTERNAL_KEY=KEY,
                BREEZEWAY_VAULT_KEY=KEY,
                BREEZEWAY_SIGNING_KEY_FILE=str(tmp_path / "nowhere.pem"),
                DATABASE_URL="postgresql://u:changeme@db/x",
            )
        )
    )
    faults = [each.detail for each in found if each.level is Level.FAULT]
    assert faults == [f"There is no signing key {tmp_path}/nowhere.pem.", "the password in DATABASE_URL is a sample."]


def test_keys_that_others_can_read_or_that_are_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "secrets").mkdir(parents=True)
    secret_environment(home, {})
    assert {each.level for each in local_checks.keys(place(home))} == {Level.OK}
    (home / "secrets" / "vault.key").chmod(0o644)
    assert "vault.key can be read" in worst(list(local_checks.keys(place(home))), "keys").detail
    (home / "secrets" / "vault.key").chmod(0o600)
    (home / "secrets" / "signing-key.pem").write_text("-----BEGIN NOTHING-----")
    assert "no P-256 key" in worst(list(local_checks.keys(place(home))), "keys").detail


def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    """The disk is as it is; what counts as full is what the test moves."""
    here = place(tmp_path)
    assert worst(list(local_checks.disk(here, least_bytes=1, least_share=0)), "disk").level is Level.OK
    assert worst(list(local_checks.disk(here, least_bytes=1, least_share=1.1)), "disk").level is Level.WARNING
    full = worst(list(local_checks.disk(here, least_bytes=1 << 60)), "disk")
    assert (full.level, "BREEZEWAY_HOME" in full.remedy) == (Level.FAULT, True)


def test_a_port_that_is_taken_or_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = worst(list(local_checks.ports(place(tmp_path, PORT=str(port)))), "ports")
    assert found.level is Level.FAULT
    assert found.remedy == f"PORT={port + 1} make run"
    assert worst(list(local_checks.ports(place(tmp_path, PORT="eighty"))), "ports").level is Level.FAULT
    assert worst(list(local_checks.ports(place(tmp_path))), "ports").level is Level.OK


def test_a_process_that_died(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        ours, dying = Running.of(os.getpid(), "ready"), Running.of(child.pid, "ready")
        assert ours is not None
        assert dying is not None
        (tmp_path / "run").mkdir()
        state = StackState(ours, "http://127.0.0.1:1", {"gateway": ours, "trading-worker": dying})
        state_file.write(tmp_path / "run" / "state.json", state)
        assert worst(list(local_checks.processes(place(tmp_path))), "processes").level is Level.OK
        child.kill()
    assert worst(list(local_checks.processes(place(tmp_path))), "processes").detail == "Not running: trading-worker."


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GATEWAY_URL", "http://trade.example.com", "in the open"),
        ("BREEZEWAY_ALLOWED_ORIGINS", '["*"]', "Any web page"),
        ("BREEZEWAY_ALLOWED_HOSTS", "trade.example.com", "no JSON list"),
        ("BREEZEWAY_TRUSTED_PROXIES", '["0.0.0.0/0"]', "nobody can be limited"),
        ("BREEZEWAY_TRUSTED_PROXIES", '["the proxy"]', "no address range"),
    ],
)
def test_an_edge_that_lets_in_too_much(tmp_path: Path, name: str, value: str, said: str) -> None:
    found = worst(list(local_checks.edge(place(tmp_path, BREEZEWAY_ENVIRONMENT="production", **{name: value}))), "edge")
    assert found.level is Level.FAULT
    assert said in found.detail


async def test_stores_that_cannot_be_reached(
    tmp_path: Path, valkey: EmbeddedValkey, postgres: EmbeddedPostgres
) -> None:
    nobody = free_port()
    away = place(
        tmp_path,
        DATABASE_URL=f"postgresql://u:hidden-1@127.0.0.1:{nobody}/x",
        REDIS_URL=f"redis://:hidden-2@127.0.0.1:{nobody}/0",
    )
    found = await examine(away)
    for check, setting in (("database", "DATABASE_URL"), ("valkey", "REDIS_URL")):
        down = worst(found, check)
        assert (down.level, down.remedy) == (Level.FAULT, f"check {setting}, and start it")
    assert "hidden" not in str(found)
    refused = place(
        tmp_path,
        DATABASE_URL=f"postgresql://postgres:wrong@127.0.0.1:{postgres.port}/x",
        REDIS_URL=f"redis://:wrong@127.0.0.1:{valkey.port}/0",
    )
    found = await examine(refused)
    assert "refuses the password" in worst(found, "database").detail
    assert "refuses the password" in worst(found, "valkey").detail


async def test_a_valkey_that_forgets(tmp_path: Path, valkey: EmbeddedValkey, redis: "Redis") -> None:
    here = place(tmp_path, REDIS_URL=valkey.url)
    assert worst(await gathered(remote_checks.valkey(here)), "valkey").level is Level.OK
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        found = worst(await gathered(remote_checks.valkey(here)), "valkey")
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    assert found.level is Level.FAULT
    assert "allkeys-lru" in found.detail


@asynccontextmanager
async def clock_server(ahead: float) -> AsyncIterator[int]:
    """Something that speaks Redis, with a clock that is wrong by `ahead` seconds."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = [
                (await reader.readexactly(int((await reader.readline())[1:]) + 2)).strip().upper()
                for _ in range(int(line[1:]))
            ]
            if words[0] == b"TIME":
                now = str(int(time.time() + ahead)).encode()
                writer.write(b"*2\r\n$%d\r\n%s\r\n$1\r\n0\r\n" % (len(now), now))
            else:
                writer.write({b"CONFIG": b"*0\r\n", b"PING": b"+PONG\r\n"}.get(words[0], b"+OK\r\n"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("ahead", "level"), [(0, Level.OK), (7, Level.WARNING), (300, Level.FAULT), (-300, Level.FAULT)]
)
async def test_h_11_clocks_that_disagree(tmp_path: Path, ahead: float, level: Level) -> None:
    """H-11: five minutes between machines; tokens would be refused for no reason that anybody sees."""
    async with clock_server(ahead) as port:
        found = await gathered(remote_checks.valkey(place(tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}/0")))
    clock = worst(found, "clock")
    assert clock.level is level
    assert ("chrony" in clock.remedy) is (level is not Level.OK)


@pytest.fixture
def migrated(postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a base whose auth database is up to date; the others are missing."""
    base = f"doc{new_id().hex[:12]}"
    postgres.create_database(f"{base}_auth")
    migrate.upgrade(ROOT / "services" / "auth", postgres.url(f"{base}_auth"))
    yield postgres.url(base)
    postgres.query(f'DROP DATABASE "{base}_auth" WITH (FORCE)')


async def test_migrations_behind_sessions_ended_and_calls_used_up(
    tmp_path: Path, migrated: str, valkey: EmbeddedValkey, redis: "Redis"
) -> None:
    base = migrated
    # As a container of auth is told: its own database.
    here = place(tmp_path, DATABASE_URL=f"{base}_auth", REDIS_URL=valkey.url)
    missing = worst(await gathered(remote_checks.postgres(here)), "migrations")
    assert missing.level is Level.FAULT
    assert "auth" not in missing.detail
    assert "trading" in missing.detail
    assert missing.remedy == "breezeway migrate"
    query("UPDATE alembic_version SET version_num = 'older'", f"{base}_auth")
    assert "auth" in worst(await gathered(remote_checks.postgres(here)), "migrations").detail

    assert worst(await gathered(remote_checks.broker(here)), "broker").level is Level.NOTE
    user, account = new_id(), new_id()
    query(
        f"INSERT INTO users (id, email, role, password_hash, created_at) "  # noqa: S608 - our own ids
        f"VALUES ('{user}', 'a@example.com', 'user', 'x', now()); "
        f"INSERT INTO broker_accounts (id, user_id, label, environment, api_key_hint, api_key_sealed, "
        f"api_secret_sealed, created_at, updated_at) VALUES ('{account}', '{user}', 'l', 'simulator', 'h', '', '', "
        f"now(), now()); INSERT INTO broker_sessions (account_id, state, version, changed_at) "
        f"VALUES ('{account}', 'expired', 1, now())",
        f"{base}_auth",
    )
    found = await gathered(remote_checks.broker(here))
    assert worst(found, "broker").level is Level.WARNING
    assert "expired" in worst(found, "broker").detail
    assert "log in at the broker again" in worst(found, "broker").remedy
    assert worst(found, "quota").level is Level.OK
    await BrokerQuota(redis).cool_down(str(account), "broker_day_limit")
    used_up = worst(await gathered(remote_checks.broker(here)), "quota")
    assert (used_up.level, "wait for midnight in India" in used_up.remedy) == (Level.WARNING, True)


async def test_a_master_that_is_missing_or_old(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    base = f"doc{new_id().hex[:12]}"
    postgres.create_database(f"{base}_instruments")
    url = postgres.url(f"{base}_instruments")
    here = place(tmp_path, DATABASE_URL=postgres.url(base))
    assert await gathered(remote_checks.master(here)) == [], "without tables it is the migrations that are missing"
    await asyncio.to_thread(migrate.upgrade, ROOT / "services" / "instruments", url)
    missing = worst(await gathered(remote_checks.master(here)), "master")
    assert (missing.level, "no symbol is known" in missing.detail) == (Level.FAULT, True)
    assert "/api/v1/instruments/sync" in missing.remedy

    def read(days_ago: int, state: str = "completed", code: str = "") -> None:
        query(
            f"INSERT INTO syncs (id, state, requested_at, requested_by, force, source, finished_at, error_code) "  # noqa: S608 - our own
            f"VALUES ('{new_id()}', '{state}', now() - interval '{days_ago} days', 'x', false, 's', "
            f"now() - interval '{days_ago} days', '{code}')",
            url,
        )

    read(6)
    old = worst(await gathered(remote_checks.master(here)), "master")
    assert (old.level, old.detail) == (Level.WARNING, "The instrument master was read 6 days ago.")
    read(1, "failed", "broker_unreachable")
    assert "broker_unreachable" in worst(await gathered(remote_checks.master(here)), "master").detail
    read(0)
    assert worst(await gathered(remote_checks.master(here)), "master").level is Level.OK
    postgres.query(f'DROP DATABASE "{base}_instruments" WITH (FORCE)')


async def test_a_certificate_that_browsers_refuse(tmp_path: Path) -> None:
    """A self-signed one, and a port that speaks no TLS at all."""
    certificate.make(tmp_path / "tls", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls" / "tls.crt", tmp_path / "tls" / "tls.key")

    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    for given, said in ((context, "Browsers refuse"), (None, "does not speak TLS")):
        server = await asyncio.start_server(close, "127.0.0.1", 0, ssl=given)
        async with server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            found = await gathered(remote_checks.public(place(tmp_path, GATEWAY_URL=url)))
        assert said in worst(found, "tls").detail
        assert worst(found, "public").level is Level.FAULT


def test_the_command_says_it_for_people_and_programs(tmp_path: Path) -> None:
    """Exit status 0 for a folder that is well, 1 as soon as one check finds a fault."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ours = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        environment = {**ours, "BREEZEWAY_HOME": str(tmp_path / "home"), "PORT": str(taken.getsockname()[1])}
        command = [sys.executable, "-m", "breezeway.cli.main", "doctor", "--json"]
        ill = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        environment["PORT"] = str(free_port())
        well = subprocess.run(command[:-1], env=environment, capture_output=True, text=True, check=False, timeout=120)
    report = json.loads(ill.stdout)
    assert ill.returncode == 1, ill.stderr
    assert [each["check"] for each in report if each["level"] == "fault"] == ["ports"]
    assert all(each["remedy"] for each in report if each["level"] in {"fault", "warning"})
    assert well.returncode == 0, well.stdout
    assert "signing-key.pem signs tokens" in well.stdout
