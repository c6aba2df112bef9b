"""Pytest fixtures for the whole repository: real stores, started once a run, and the public market data if present."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import garbage
from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis.client import connect

REPOSITORY = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="session", autouse=True)
def _collector_is_left_alone() -> Iterator[None]:
    """A service that is built inside of the test run would walk all that the run holds, a second each time, in which
    its timers are late; and what it freezes would stay for ever. Processes of their own do it as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(garbage, "tame", lambda _stack: None)
        patch.setattr(garbage, "spare_the_present", lambda: None)
        patch.setattr(garbage, "give_back", lambda: None)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A real PostgreSQL, without durability, for the whole run."""
    with (
        tempfile.TemporaryDirectory(prefix="bw-pg-") as folder,
        EmbeddedPostgres(Path(folder), durable=False) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedValkey]:
    """A real Valkey for the whole run."""
    with tempfile.TemporaryDirectory(prefix="bw-vk-") as folder, EmbeddedValkey(Path(folder)) as server:
        yield server


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> str:
    """An empty database of the test's own."""
    name = f"test_{new_id().hex}"
    postgres.create_database(name)
    return postgres.url(name)


@pytest.fixture
def migrated_url(request: pytest.FixtureRequest, postgres: EmbeddedPostgres, database_url: str) -> str:
    """A database migrated by one service: `@pytest.mark.parametrize("migrated_url", ["auth"], indirect=True)`."""
    migrate.upgrade(REPOSITORY / "services" / str(request.param), database_url)
    return database_url


@pytest_asyncio.fixture
async def redis(valkey: EmbeddedValkey) -> AsyncIterator["Redis"]:
    """A client of an emptied Valkey."""
    client = connect(valkey.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's own database."""
    made = create_engine(database_url, application="tests", pool_size=5)
    yield made
    await made.dispose()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with public market data; skips when it is not there."""
    folder = Path(os.environ.get("BREEZEWAY_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the public market data is absent: no folder {folder}; set BREEZEWAY_TEST_DATA to it")
    return folder
