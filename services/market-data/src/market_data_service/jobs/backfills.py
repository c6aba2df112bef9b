"""arq jobs of the backfill workers.

They find their work in the database, so running one twice, or never, loses nothing.
"""

from typing import Any, cast

from market_data_service.application.top_up import TopUp
from market_data_service.application.work import ChunkWorker

WORKER = "chunk_worker"
TOP_UP = "top_up"
"""Where the jobs find the use cases in arq's context."""


async def drain_backfills(ctx: dict[str, Any]) -> int:
    """Work chunks for a few seconds. Harmless twice: a chunk is leased to one worker at a time."""
    return await cast(ChunkWorker, ctx[WORKER]).drain()


async def top_up(ctx: dict[str, Any]) -> int:
    """Fetch the day of what users follow, once it is over. Harmless twice: a user's day is taken only once."""
    return await cast(TopUp, ctx[TOP_UP]).run()


async def sweep_backfills(ctx: dict[str, Any]) -> int:
    """Wake workers for whatever is due. Harmless twice: a worker that finds nothing goes back to sleep."""
    return await cast(ChunkWorker, ctx[WORKER]).sweep()
