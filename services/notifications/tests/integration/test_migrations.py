"""The migrations build exactly what the code believes, and can be taken back."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from breezeway.db import migrate

SERVICE_FOLDER = Path(__file__).resolve().parents[2]


@pytest.fixture
def notifications_url(database_url: str) -> str:
    migrate.upgrade(SERVICE_FOLDER, database_url)
    return database_url


def test_tables_and_migrations_agree(notifications_url: str) -> None:
    config = Config(SERVICE_FOLDER / "alembic.ini")
    config.attributes["database_url"] = notifications_url
    command.check(config)


def test_down_and_up_again(notifications_url: str) -> None:
    config = Config(SERVICE_FOLDER / "alembic.ini")
    config.attributes["database_url"] = notifications_url
    command.downgrade(config, "base")
    migrate.upgrade(SERVICE_FOLDER, notifications_url)
    command.check(config)
