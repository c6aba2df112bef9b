"""Migrates several services' databases in one process: `python -m breezeway.cli.migrations`.

In production every service migrates by itself (`python -m breezeway.db.migrate services/auth`). On one machine
the same libraries would be loaded three times, which is most of the work when nothing has changed.
"""

import ast
import asyncio
import json
import os
from pathlib import Path

import asyncpg

VARIABLE = "BREEZEWAY_MIGRATIONS"
"""JSON object from a service's folder to the URL of its database. In the environment and not on the command line, where
every user of the machine could read the passwords."""


def main() -> None:
    """Brings each database to the newest schema; the first failure ends it."""
    wanted: dict[str, str] = json.loads(os.environ[VARIABLE])
    behind = {folder: url for folder, url in wanted.items() if not asyncio.run(_is_current(Path(folder), url))}
    if not behind:
        return
    # Loading Alembic and SQLAlchemy takes seconds on a small machine, and most starts find nothing to do.
    from breezeway.db import migrate

    for folder, url in behind.items():
        migrate.upgrade(Path(folder), url)


def head_of(folder: Path) -> str | None:
    """The newest revision of the service in `folder`, read from its files; None when they do not form one line."""
    names: set[str] = set()
    replaced: set[str] = set()
    for file in (folder / "migrations" / "versions").glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                name = target.id if isinstance(target, ast.Name) else ""
                if name == "revision":
                    names.add(str(node.value.value))
                elif name == "down_revision" and node.value.value is not None:
                    replaced.add(str(node.value.value))
    heads = names - replaced
    return heads.pop() if len(heads) == 1 else None


async def _is_current(folder: Path, url: str) -> bool:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return bool(await connection.fetchval("SELECT version_num FROM alembic_version") == head_of(folder))
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
