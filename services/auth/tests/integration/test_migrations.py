"""The migrations make the tables that the code expects, and can be taken back."""

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config

from breezeway.db import migrate
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.ids import new_id

SERVICE = Path(__file__).resolve().parents[2]


def test_up_down_up_and_no_drift(postgres: EmbeddedPostgres) -> None:
    name = f"auth_{new_id().hex}"
    postgres.create_database(name)
    url = postgres.url(name)
    config = Config(SERVICE / "alembic.ini")
    config.attributes["database_url"] = url
    migrate.upgrade(SERVICE, url)
    made = asyncio.run(tables(url))
    assert "broker_accounts" in made
    command.check(config)
    command.downgrade(config, "base")
    assert asyncio.run(tables(url)) == {"alembic_version"}
    migrate.upgrade(SERVICE, url)
    assert asyncio.run(tables(url)) == made


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await connection.close()
    return {row["tablename"] for row in rows}
