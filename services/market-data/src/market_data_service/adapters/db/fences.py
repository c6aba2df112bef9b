"""Fencing tokens, minted in PostgreSQL."""

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.errors import UpstreamUnavailable
from market_data_service.adapters.db.feed_tables import feed_fences


class PostgresFences:
    """Counts up, and never down, whatever happens to Redis."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def mint(self, feed: str, holder: str) -> int:
        """A token greater than every one before.

        Raises:
            UpstreamUnavailable: `database_unavailable`.
        """
        statement = insert(feed_fences).values(feed=feed, fence=1, holder=holder)
        statement = statement.on_conflict_do_update(
            index_elements=[feed_fences.c.feed],
            set_={"fence": feed_fences.c.fence + 1, "holder": holder, "minted_at": func.now()},
        )
        try:
            async with self._engine.begin() as connection:
                fence = await connection.scalar(statement.returning(feed_fences.c.fence))
        except (SQLAlchemyError, OSError) as error:
            raise UpstreamUnavailable(
                "The database does not answer, so no feed can be taken over.", code="database_unavailable"
            ) from error
        return int(fence or 0)
