"""The migrations make exactly the tables that the code describes, and can be undone."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from breezeway.db import migrate
from breezeway.db.engine import create_engine
from market_data_service.adapters.db.tables import metadata

SERVICE = Path(__file__).resolve().parents[2]


def differences(url: str) -> list[object]:
    async def compare() -> list[object]:
        engine = create_engine(url, application="tests", pooled=False)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(
                    lambda sync: list(
                        compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
                    )
                )
        finally:
            await engine.dispose()

    return asyncio.run(compare())


def tables(url: str) -> set[str]:
    async def names() -> set[str]:
        engine = create_engine(url, application="tests", pooled=False)
        try:
            async with engine.connect() as connection:
                return set(await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()))
        finally:
            await engine.dispose()

    return asyncio.run(names())


def test_migrations_and_tables_agree(database_url: str) -> None:
    migrate.upgrade(SERVICE, database_url)
    assert differences(database_url) == []


def test_every_migration_can_be_undone(database_url: str) -> None:
    migrate.upgrade(SERVICE, database_url)
    config = Config(SERVICE / "alembic.ini")
    config.attributes["database_url"] = database_url
    command.downgrade(config, "base")
    assert tables(database_url) == {"alembic_version"}
    migrate.upgrade(SERVICE, database_url)
    assert differences(database_url) == []
