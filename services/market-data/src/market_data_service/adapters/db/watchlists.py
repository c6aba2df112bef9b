"""Watchlists in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db.unit_of_work import UnitOfWork
from breezeway.errors import Conflict, InvalidInput, NotFound
from market_data_service.adapters.db.tables import watchlists
from market_data_service.application.watchlists import Watchlist

_c = watchlists.c
_COLUMNS = (_c.id, _c.name, _c.symbols, _c.created_at, _c.updated_at)


class PostgresWatchlists:
    """Implements `application.watchlists.WatchlistStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_user(self, user_id: UUID) -> list[Watchlist]:
        query = sa.select(*_COLUMNS).where(_c.user_id == user_id).order_by(_c.id)
        async with UnitOfWork(self._engine) as work:
            return [Watchlist(*row) for row in await work.session.execute(query)]

    async def get(self, user_id: UUID, watchlist_id: UUID) -> Watchlist:
        query = sa.select(*_COLUMNS).where(_c.user_id == user_id, _c.id == watchlist_id)
        async with UnitOfWork(self._engine) as work:
            return _found((await work.session.execute(query)).one_or_none())

    async def add(self, user_id: UUID, watchlist_id: UUID, name: str, symbols: Sequence[str], most: int) -> Watchlist:
        values = {"id": watchlist_id, "user_id": user_id, "name": name, "symbols": symbols}
        async with UnitOfWork(self._engine) as work:
            # Two requests of one user take turns, so that both together cannot pass the limit.
            await work.session.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"watchlists|{user_id}"}
            )
            count = await work.session.scalar(sa.select(sa.func.count()).where(_c.user_id == user_id))
            if (count or 0) >= most:
                raise InvalidInput(f"There can be at most {most} watchlists.", code="too_many_watchlists")
            try:
                row = (await work.session.execute(sa.insert(watchlists).values(values).returning(*_COLUMNS))).one()
            except IntegrityError as error:
                raise _taken(name) from error
            await work.commit()
        return _found(row)

    async def change(
        self, user_id: UUID, watchlist_id: UUID, name: str | None, symbols: Sequence[str] | None
    ) -> Watchlist:
        given = {"name": name, "symbols": symbols}
        statement = (
            sa.update(watchlists)
            .where(_c.user_id == user_id, _c.id == watchlist_id)
            .values(updated_at=sa.func.now(), **{key: value for key, value in given.items() if value is not None})
            .returning(*_COLUMNS)
        )
        async with UnitOfWork(self._engine) as work:
            try:
                row = (await work.session.execute(statement)).one_or_none()
            except IntegrityError as error:
                raise _taken(name or "") from error
            await work.commit()
        return _found(row)

    async def remove(self, user_id: UUID, watchlist_id: UUID) -> None:
        statement = sa.delete(watchlists).where(_c.user_id == user_id, _c.id == watchlist_id).returning(*_COLUMNS)
        async with UnitOfWork(self._engine) as work:
            row = (await work.session.execute(statement)).one_or_none()
            await work.commit()
        _found(row)


def _found(row: "sa.Row[*tuple[Any, ...]] | None") -> Watchlist:
    if row is None:
        raise NotFound("There is no such watchlist.", code="watchlist_not_found")
    return Watchlist(row.id, row.name, tuple(row.symbols), row.created_at, row.updated_at)


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a watchlist called {name} already.", code="watchlist_name_taken")
