"""The migrations build exactly what the code believes, and can be taken back."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from breezeway.db import migrate

SERVICE_FOLDER = Path(__file__).resolve().parents[2]


def test_tables_and_migrations_agree(instruments_url: str) -> None:
    config = Config(SERVICE_FOLDER / "alembic.ini")
    config.attributes["database_url"] = instruments_url
    command.check(config)


def test_down_and_up_again(instruments_url: str) -> None:
    config = Config(SERVICE_FOLDER / "alembic.ini")
    config.attributes["database_url"] = instruments_url
    command.downgrade(config, "base")
    migrate.upgrade(SERVICE_FOLDER, instruments_url)
    command.check(config)
