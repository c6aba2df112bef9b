"""The worker's jobs. Both find their work in the database, so a second run of either finds nothing to do."""

from typing import Any
from uuid import UUID

from breezeway import garbage

SYNC = "sync"
SWEEP = "sweep"


async def sync_master(ctx: dict[Any, Any], sync_id: str) -> None:
    """Do the requested run. A second delivery finds the run closed, or the lock taken."""
    await ctx[SYNC](UUID(sync_id))
    garbage.give_back()


async def sweep_syncs(ctx: dict[Any, Any]) -> None:
    """Wake what was forgotten and request what is due. Requests are unique while one is open."""
    await ctx[SWEEP]()
