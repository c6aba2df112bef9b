"""Persisted subscriptions."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db.unit_of_work import UnitOfWork
from market_data_service.adapters.db.feed_tables import subscriptions
from market_data_service.application.subscriptions import Subscription

_c = subscriptions.c


class PostgresSubscriptions:
    """Implements `application.subscriptions.SubscriptionStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_user(self, user_id: UUID) -> list[Subscription]:
        query = sa.select(_c.symbol, _c.modes, _c.created_at).where(_c.user_id == user_id).order_by(_c.symbol)
        async with UnitOfWork(self._engine) as work:
            rows = (await work.session.execute(query)).all()
        return [Subscription(row.symbol, tuple(row.modes), row.created_at) for row in rows]

    async def put(self, user_id: UUID, symbols: Sequence[str], modes: Sequence[str], most: int) -> bool:
        statement = insert(subscriptions).values([{"user_id": user_id, "symbol": s, "modes": modes} for s in symbols])
        statement = statement.on_conflict_do_update(
            index_elements=[_c.user_id, _c.symbol], set_={"modes": statement.excluded.modes}
        )
        async with UnitOfWork(self._engine) as work:
            # Two requests of one user take turns, so that both together cannot pass the limit.
            await work.session.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"subscriptions|{user_id}"}
            )
            await work.session.execute(statement)
            count = await work.session.scalar(sa.select(sa.func.count()).where(_c.user_id == user_id))
            if (count or 0) > most:
                return False
            await work.commit()
        return True

    async def remove(self, user_id: UUID, symbol: str) -> bool:
        statement = sa.delete(subscriptions).where(_c.user_id == user_id, _c.symbol == symbol).returning(_c.symbol)
        async with UnitOfWork(self._engine) as work:
            removed = (await work.session.execute(statement)).first()
            await work.commit()
        return removed is not None
