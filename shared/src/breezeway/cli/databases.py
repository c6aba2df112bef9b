"""Makes the services' databases on the operator's PostgreSQL: `python -m breezeway.cli.databases auth instruments`."""

import asyncio
import os
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from breezeway.cli.stack import database_name

_MAINTENANCE = "postgres"


async def create(base_url: str, services: Sequence[str]) -> None:
    """Creates `<name>_<service>` for each service where it is missing.

    Raises:
        SystemExit: a database is missing and the account may not create it; the message lists the statements to run.
    """
    base = urlsplit(base_url).path.lstrip("/")
    wanted = [database_name(base, service) for service in services]
    connection = await _connect(base_url, base)
    try:
        present = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        missing = [name for name in wanted if name not in present]
        statements = [f'CREATE DATABASE "{name}"' for name in missing]
        for statement in statements:
            try:
                await connection.execute(statement)
            except asyncpg.DuplicateDatabaseError:
                continue  # another stack on the same server was faster
    except asyncpg.InsufficientPrivilegeError:
        raise SystemExit(
            "the account of DATABASE_URL may not create databases. Run this as one that may:\n"
            + "\n".join(f"  {statement};" for statement in statements)
        ) from None
    finally:
        await connection.close()


async def _connect(base_url: str, base: str) -> "asyncpg.Connection":
    # Either of the two exists on most servers; only the named one is sure to be allowed for this account.
    try:
        return await asyncpg.connect(_with_database(base_url, base), timeout=10)
    except asyncpg.InvalidCatalogNameError:
        return await asyncpg.connect(_with_database(base_url, _MAINTENANCE), timeout=10)


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql", path=f"/{name}"))


if __name__ == "__main__":
    asyncio.run(create(os.environ["DATABASE_URL"], sys.argv[1:]))
