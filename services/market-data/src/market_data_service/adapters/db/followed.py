"""What users follow, and whose day has been topped up."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db.unit_of_work import UnitOfWork
from breezeway.market_calendar.model import Segment
from market_data_service.adapters.db.tables import top_ups

_FOLLOWED = sa.text("""
    SELECT user_id, array_agg(symbol ORDER BY symbol) AS symbols FROM (
        SELECT user_id, symbol FROM subscriptions UNION SELECT user_id, unnest(symbols) FROM watchlists
    ) AS followed GROUP BY user_id
""")
_t = top_ups.c


class PostgresFollowed:
    """Implements `application.top_up.Followed`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def by_user(self) -> Mapping[UUID, Sequence[str]]:
        async with UnitOfWork(self._engine) as work:
            rows = (await work.session.execute(_FOLLOWED)).all()
        return {row.user_id: row.symbols for row in rows}

    async def take(self, user_id: UUID, segment: Segment, day: date) -> bool:
        statement = (
            insert(top_ups)
            .values(user_id=user_id, segment=segment.value, day=day)
            .on_conflict_do_nothing()
            .returning(_t.day)
        )
        async with UnitOfWork(self._engine) as work:
            taken = await work.session.scalar(statement)
            await work.commit()
        return taken is not None

    async def give_back(self, user_id: UUID, segment: Segment, day: date) -> None:
        statement = sa.delete(top_ups).where(_t.user_id == user_id, _t.segment == segment.value, _t.day == day)
        async with UnitOfWork(self._engine) as work:
            await work.session.execute(statement)
            await work.commit()
