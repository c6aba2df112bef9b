"""Migrates several services' databases in one process: `python -m breezeway.cli.migrations`.

In production every service migrates by itself (`python -m breezeway.db.migrate services/auth`). On one machine
the same libraries would be loaded three times, which is most of the work when nothing has changed.
"""

import json
import os
from pathlib import Path

from breezeway.db import migrate

VARIABLE = "BREEZEWAY_MIGRATIONS"
"""JSON object from a service's folder to the URL of its database. In the environment and not on the command line, where
every user of the machine could read the passwords."""


def main() -> None:
    """Brings each database to the newest schema; the first failure ends it."""
    wanted: dict[str, str] = json.loads(os.environ[VARIABLE])
    for folder, url in wanted.items():
        migrate.upgrade(Path(folder), url)


if __name__ == "__main__":
    main()
