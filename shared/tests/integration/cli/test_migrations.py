"""The migrations of a start: all databases reach the newest schema, and a start with nothing to do loads no Alembic."""

import asyncio
import json
import subprocess
import sys

import asyncpg
import pytest

from breezeway.cli.migrations import VARIABLE, head_of
from breezeway.embedded.postgres import EmbeddedPostgres
from breezeway.ids import new_id
from breezeway.testing.plugin import REPOSITORY

SERVICES = ("auth", "instruments", "market-data", "trading")


def migrate(urls: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-m", "breezeway.cli.migrations"],
        env={VARIABLE: json.dumps(urls)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def version(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
    finally:
        await connection.close()


@pytest.fixture
def urls(postgres: EmbeddedPostgres) -> dict[str, str]:
    found = {}
    for service in SERVICES:
        name = f"test_{new_id().hex}"
        postgres.create_database(name)
        found[str(REPOSITORY / "services" / service)] = postgres.url(name)
    return found


def test_every_database_reaches_the_newest_schema_and_then_nothing_is_loaded(urls: dict[str, str]) -> None:
    first = migrate(urls)
    assert first.returncode == 0, first.stderr
    for service, (folder, url) in zip(SERVICES, urls.items(), strict=True):
        head = head_of(REPOSITORY / "services" / service)
        assert head is not None, folder
        assert asyncio.run(version(url)) == head
    again = migrate(urls, "-X", "importtime")
    assert again.returncode == 0
    assert "asyncpg" in again.stderr
    assert "alembic" not in again.stderr
    assert "sqlalchemy" not in again.stderr


def test_one_database_that_is_behind_is_brought_forward(urls: dict[str, str]) -> None:
    behind = dict(list(urls.items())[:1])
    assert migrate(behind).returncode == 0
    assert migrate(urls).returncode == 0
    assert {asyncio.run(version(url)) for url in urls.values()} == {
        head_of(REPOSITORY / "services" / service) for service in SERVICES
    }
