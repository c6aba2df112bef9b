"""Halts of the market, for a matcher that takes over while one is on."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from breezeway.clock import IST
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.exchange.breakers import Halt
from trading_service.adapters.db.tables import halts

_HALT = tuple(Halt.__slots__)


class HaltRows(UnitOfWork):
    """Each method runs in the transaction of the unit of work."""

    async def save_halt(self, feed: str, halt: Halt) -> None:
        values = {name: getattr(halt, name) for name in _HALT}
        statement = insert(halts).values(feed=feed, day=halt.began.astimezone(IST).date(), **values)
        await self.session.execute(statement.on_conflict_do_nothing())

    async def forget_halts(self, after: datetime) -> None:
        day = after.astimezone(IST).date()
        await self.session.execute(sa.delete(halts).where(halts.c.day == day, halts.c.began > after))

    async def halts(self, day: date) -> Mapping[str, Sequence[Halt]]:
        found: dict[str, list[Halt]] = {}
        for row in await self.session.execute(sa.select(halts).where(halts.c.day == day)):
            found.setdefault(row.feed, []).append(Halt(*(getattr(row, name) for name in _HALT)))
        return found
