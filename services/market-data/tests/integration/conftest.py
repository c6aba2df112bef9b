"""A migrated market-data database and instruments to put into it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db import migrate
from breezeway.db.engine import create_engine
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.ids import new_id

SERVICE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """A migrated database that the tests copy, so that migrations run once."""
    name = f"market_data_{new_id().hex}"
    postgres.create_database(name)
    migrate.upgrade(SERVICE, postgres.url(name))
    return postgres.url(name)


@pytest_asyncio.fixture
async def db(template_database: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the migrated database, its tables emptied."""
    engine = create_engine(template_database, application="tests", pool_size=5)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("TRUNCATE candle_blocks, candle_coverage, backfills CASCADE")
    yield engine
    await engine.dispose()
