"""The driver's own connection, for the few queries whose rows are too many for SQLAlchemy's.

A year of minutes is 250 rows and ten years are 2,600; mapping those costs more than PostgreSQL needs to find them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db.unit_of_work import is_connection_failure
from breezeway.errors import UpstreamUnavailable


@asynccontextmanager
async def raw_connection(engine: AsyncEngine) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A pooled connection outside of any transaction: for reading with one statement at a time.

    Raises:
        UpstreamUnavailable: `database_unavailable`.
    """
    try:
        async with engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            yield cast("asyncpg.Connection[asyncpg.Record]", raw)
    except Exception as error:
        if is_connection_failure(error):
            raise UpstreamUnavailable(
                "The database does not answer. Try again in a moment.", code="database_unavailable", retry_after=2
            ) from error
        raise
