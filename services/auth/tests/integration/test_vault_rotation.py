"""A-25: the vault's key is replaced while everybody goes on working, and nothing is lost whatever dies half-way."""

import asyncio
import base64
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from auth_service.adapters.db.broker_accounts import PostgresBrokerAccounts
from auth_service.adapters.db.sealed_rows import PostgresSealedRows, VaultCheck
from auth_service.adapters.db.second_factors import PostgresSecondFactors
from auth_service.adapters.db.tables import broker_accounts, metadata, users
from auth_service.adapters.db.unit_of_work import PostgresUnitOfWork
from auth_service.adapters.vault import Vault, VaultKeys
from auth_service.application.vault_rotation import VaultRotation
from auth_service.domain.broker_accounts import AppKeys, BrokerAccount
from breezeway.clock import SystemClock
from breezeway.contracts.broker import BrokerEnvironment
from breezeway.db.engine import create_engine
from breezeway.errors import Misconfigured
from breezeway.ids import new_id

# The same in each test process: they are part of the tests' names.
OLD, NEW = (base64.b64encode(hashlib.sha256(name).digest()).decode() for name in (b"old", b"new"))
BOTH = f"v1:{OLD},v2:{NEW}"
ROWS = 200


def vault(keys: str) -> Vault:
    return Vault(VaultKeys.parse(keys))


@pytest.fixture
async def engine(auth_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(auth_url, application="tests", pool_size=4)
    yield made
    await made.dispose()


async def fill(engine: AsyncEngine, rows: int = ROWS) -> list[UUID]:
    """Broker accounts sealed with the old key, and one second factor; returns the accounts' ids."""
    now = SystemClock().now()
    user = new_id()
    async with AsyncSession(engine) as session:
        values = {"id": user, "email": "a@b.in", "role": "user", "password_hash": "", "created_at": now}
        await session.execute(insert(users).values(**values))
        accounts = PostgresBrokerAccounts(session, vault(f"v1:{OLD}"))
        ids = []
        for number in range(rows):
            account = BrokerAccount(new_id(), user, "x", BrokerEnvironment.SIMULATOR, "", now, now)
            await accounts.add(account, AppKeys(f"key-{number}", f"secret-{number}"))
            ids.append(account.id)
        await PostgresSecondFactors(session, vault(f"v1:{OLD}")).put(user, "SEED", now)
        await session.commit()
    return ids


async def all_readable(engine: AsyncEngine, ids: list[UUID], keys: str) -> None:
    async with AsyncSession(engine) as session:
        accounts = PostgresBrokerAccounts(session, vault(keys))
        for number, account in enumerate(ids):
            found = await accounts.keys(account)
            assert (found.api_key, found.api_secret) == (f"key-{number}", f"secret-{number}")
        user = (await session.execute(text("SELECT id FROM users"))).scalar_one()
        assert await PostgresSecondFactors(session, vault(keys)).seed(user) == "SEED"


def rotation(engine: AsyncEngine, keys: str) -> VaultRotation:
    rows = PostgresSealedRows(engine, vault(keys))
    return VaultRotation(rows, lambda: PostgresUnitOfWork(engine, vault(keys)), SystemClock())


def environment(url: str, home: Path, keys: str) -> dict[str, str]:
    return {
        **os.environ,
        "BREEZEWAY_HOME": str(home),
        "BREEZEWAY_ENVIRONMENT": "test",
        "BREEZEWAY_INTERNAL_KEY": "x" * 32,
        "BREEZEWAY_VAULT_KEY": keys,
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1",
    }


def command(url: str, home: Path, keys: str, *rest: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "auth_service.commands", "vault", *rest],
        env=environment(url, home, keys),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_every_sealed_column_is_known() -> None:
    names = {column.name for table in metadata.sorted_tables for column in table.columns if "sealed" in column.name}
    assert {"api_key_sealed", "session_key_sealed", "seed_sealed"} <= names
    assert all(name.endswith("_sealed") for name in names)


async def test_a_25_killed_half_way_under_load_and_resumed(engine: AsyncEngine, auth_url: str, tmp_path: Path) -> None:
    """A-25: rotate while others read and write, kill -9 half-way, resume; every row readable throughout."""
    ids = await fill(engine)
    stop = asyncio.Event()
    reads = 0

    async def load() -> None:
        nonlocal reads
        while not stop.is_set():
            for number, account in enumerate(ids):
                async with AsyncSession(engine) as session:
                    accounts = PostgresBrokerAccounts(session, vault(BOTH))
                    assert (await accounts.keys(account)).api_secret == f"secret-{number}"
                    if number % 7 == 0:
                        found = await accounts.get(account, lock=True)
                        assert found is not None
                        await accounts.save(found, AppKeys(f"key-{number}", f"secret-{number}"))
                        await session.commit()
                reads += 1
                if stop.is_set():
                    return

    reader = asyncio.create_task(load())
    try:
        killed = await asyncio.to_thread(command, auth_url, tmp_path, BOTH, "rotate", "--batch", "2")
        lines = 0
        while lines < 8 and await asyncio.to_thread(killed.stdout.readline):  # type: ignore[union-attr] - it is a pipe
            lines += 1
        killed.send_signal(signal.SIGKILL)
        await asyncio.to_thread(killed.communicate)
        left = (await rotation(engine, BOTH).status()).left
        assert 0 < left["v1"] < 2 * ROWS + 1, "it was killed half-way"
        await all_readable(engine, ids, BOTH)
        resumed = await asyncio.to_thread(command, auth_url, tmp_path, BOTH, "rotate")
        out, err = await asyncio.to_thread(resumed.communicate)
        assert (resumed.returncode, err) == (0, ""), err
        assert "Older ones may be removed" in out
    finally:
        stop.set()
        await reader
    assert reads > 0
    await all_readable(engine, ids, f"v2:{NEW}")
    again = await rotation(engine, BOTH).rotate()
    assert (again.moved, again.old_keys_removable) == (0, True)


async def test_a_25_the_old_key_is_not_removable_before_all_is_moved(engine: AsyncEngine) -> None:
    ids = await fill(engine, 6)
    report = await rotation(engine, BOTH).status()
    assert (dict(report.left), report.old_keys_removable) == ({"v1": 13}, False)
    rows = PostgresSealedRows(engine, vault(BOTH))
    await rows.reseal("broker_accounts", None, 2)
    assert (await rotation(engine, BOTH).status()).left == {"v1": 9}
    async with engine.begin() as connection:
        # A row that somebody has copied another's secret into: it opens with no key.
        other = (await connection.execute(text("SELECT api_key_sealed FROM broker_accounts LIMIT 1"))).scalar_one()
        tampered = update(broker_accounts).where(broker_accounts.c.id == ids[-1]).values(api_secret_sealed=other)
        await connection.execute(tampered)
    report = await rotation(engine, BOTH).rotate()
    assert report.broken == [f"broker_accounts {ids[-1]}: vault_sealed"]
    assert not report.old_keys_removable


async def test_a_25_a_process_that_still_uses_the_old_key_is_noticed(engine: AsyncEngine) -> None:
    await fill(engine, 2)
    await rotation(engine, BOTH).rotate()
    late = await fill_late(engine)
    report = await rotation(engine, BOTH).status()
    assert report.left == {"v1": 2}
    assert (await rotation(engine, BOTH).rotate()).moved == 1
    async with AsyncSession(engine) as session:
        found = await PostgresBrokerAccounts(session, vault(f"v2:{NEW}")).keys(late)
    assert found.api_secret == "late"


async def fill_late(engine: AsyncEngine) -> UUID:
    now = SystemClock().now()
    async with AsyncSession(engine) as session:
        user = (await session.execute(text("SELECT id FROM users"))).scalar_one()
        account = BrokerAccount(new_id(), user, "x", BrokerEnvironment.SIMULATOR, "", now, now)
        await PostgresBrokerAccounts(session, vault(f"v1:{OLD}")).add(account, AppKeys("key", "late"))
        await session.commit()
    return account.id


@pytest.mark.parametrize(
    ("keys", "code"),
    [(f"v2:{NEW}", "vault_key_missing"), (f"v1:{NEW}", "vault_sealed"), (f"v1:{NEW},v2:{OLD}", "vault_sealed")],
)
async def test_a_25_a_missing_or_wrong_key_refuses_to_start(engine: AsyncEngine, keys: str, code: str) -> None:
    await fill(engine, 7)
    await VaultCheck(PostgresSealedRows(engine, vault(BOTH))).if_reachable()
    with pytest.raises(Misconfigured) as refused:
        await VaultCheck(PostgresSealedRows(engine, vault(keys))).if_reachable()
    assert refused.value.code == code


async def test_a_25_the_service_itself_refuses_to_start(start: Any, engine: AsyncEngine) -> None:
    await fill(engine, 1)
    with pytest.raises(Misconfigured, match="lacks version 'v1'"):
        async with start(BREEZEWAY_VAULT_KEY=f"v2:{NEW}"):
            pass
    async with start(BREEZEWAY_VAULT_KEY=BOTH) as auth:
        assert (await auth.http.get("/readyz")).json()["checks"]["vault"] == "ok"


async def test_one_row_that_was_tampered_with_keeps_nobody_out(engine: AsyncEngine) -> None:
    ids = await fill(engine, 3)
    async with engine.begin() as connection:
        tampered = update(broker_accounts).where(broker_accounts.c.id == ids[0])
        await connection.execute(tampered.values(api_key_sealed=broker_accounts.c.api_secret_sealed))
    await VaultCheck(PostgresSealedRows(engine, vault(BOTH))).if_reachable()


async def test_a_database_that_is_away_does_not_keep_the_process_from_starting() -> None:
    away = create_engine("postgresql://nobody:x@127.0.0.1:1/nothing", application="tests", pooled=False)
    check = VaultCheck(PostgresSealedRows(away, vault(BOTH)))
    await check.if_reachable()
    with pytest.raises(OSError, match="Connect call failed"):
        await check()
