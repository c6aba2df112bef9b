"""Bring a database to the newest schema: `python -m breezeway.db.migrate services/auth`."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config


def upgrade(service_folder: Path, database_url: str | None = None, revision: str = "head") -> None:
    """Run the Alembic migrations of the service in `service_folder`.

    Args:
        database_url: the service's database; `DATABASE_URL` of the environment when omitted.
        revision: where to stop.

    Must be called outside a running event loop, because Alembic's environment starts its own.
    """
    config = Config(service_folder / "alembic.ini")
    if database_url is not None:
        config.attributes["database_url"] = database_url
    command.upgrade(config, revision)


if __name__ == "__main__":
    upgrade(Path(sys.argv[1]))
