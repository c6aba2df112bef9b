"""The whole master as CSV, straight from PostgreSQL's own writer."""

import asyncio
from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import cancellation
from instruments_service.adapters.db.rows import INSTRUMENT_COLUMNS

_QUERY = f"SELECT {INSTRUMENT_COLUMNS} FROM instruments WHERE status = 'active' ORDER BY instrument_id"  # noqa: S608 - our own column names
_WAITING = 8


async def csv_chunks(engine: AsyncEngine) -> AsyncIterator[bytes]:
    """Chunks of CSV with a header. A reader that stops early ends the copy."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)

    async def copy() -> None:
        try:
            async with engine.connect() as connection:
                raw = await connection.get_raw_connection()
                driver = raw.driver_connection
                if driver is None:
                    raise ConnectionError("the pool gave a connection without a driver")
                await driver.copy_from_query(_QUERY, output=queue.put, format="csv", header=True)
        finally:
            await queue.put(None)

    task = asyncio.create_task(copy(), name="instruments-csv")
    try:
        while (chunk := await queue.get()) is not None:
            yield bytes(chunk)
        await task
    finally:
        await cancellation.end([task])
