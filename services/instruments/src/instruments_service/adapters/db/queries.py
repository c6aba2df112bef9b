"""Reads of the master for lookups, lists and single instruments. Search is in `search.py`."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.contracts.instruments import Instrument
from breezeway.db.unit_of_work import UnitOfWork
from instruments_service.adapters.db import search
from instruments_service.adapters.db.csv_export import csv_chunks
from instruments_service.adapters.db.rows import INSTRUMENT_COLUMNS, instrument
from instruments_service.adapters.db.tables import instruments, syncs
from instruments_service.application.ports import ListFilter, ListingDays, Position
from instruments_service.domain.ranking import Underlying

_LARGEST_ID = 2**31 - 1
# Where a share stands among contracts. Not `date.min`, which asyncpg sends as -infinity.
_NO_EXPIRY = date(1900, 1, 1)

# The canonical symbol wins over ICICI's spelling (ABB is one company's symbol and another's short name), what is listed
# now over what is gone, and present names over former ones.
_FIND = sa.text(f"""
SELECT DISTINCT ON (asked) asked, {INSTRUMENT_COLUMNS} FROM (
    SELECT symbol AS asked, 1 AS how, * FROM instruments WHERE symbol = ANY(:names)
    UNION ALL
    SELECT broker_symbol, 2, * FROM instruments WHERE broker_symbol = ANY(:names)
    UNION ALL
    SELECT upper(broker_token), 3, * FROM instruments WHERE upper(broker_token) = ANY(:names)
    UNION ALL
    SELECT CAST(instrument_id AS text), 4, * FROM instruments WHERE instrument_id = ANY(:ids)
    UNION ALL
    SELECT a.alias, 5, i.* FROM aliases a JOIN instruments i USING (instrument_id) WHERE a.alias = ANY(:names)
) AS found
ORDER BY asked, status <> 'active', how, version_from DESC, instrument_id DESC
""")  # noqa: S608 - only our own column names are pasted

# Everybody who had the name on that day or has it now, as they were on that day; who was called so then comes first.
_ON_DAY = sa.text("""
WITH named AS (
    SELECT instrument_id FROM instruments
     WHERE symbol = :name OR broker_symbol = :name OR upper(broker_token) = :name OR instrument_id = :id
    UNION
    SELECT instrument_id FROM aliases WHERE alias = :name
)
SELECT i.instrument_id, i.exchange, i.segment, i.type, i.expiry, i.strike, i."right", i.underlying, i.broker_code,
       coalesce(v.symbol, i.symbol) AS symbol,
       coalesce(v.name, i.name) AS name,
       CASE WHEN v.instrument_id IS NULL THEN i.isin ELSE v.isin END AS isin,
       CASE WHEN v.instrument_id IS NULL THEN i.series ELSE v.series END AS series,
       coalesce(v.lot_size, i.lot_size) AS lot_size,
       coalesce(v.tick_size, i.tick_size) AS tick_size,
       CASE WHEN v.instrument_id IS NULL THEN i.freeze_quantity ELSE v.freeze_quantity END AS freeze_quantity,
       CASE WHEN v.instrument_id IS NULL THEN i.broker_token ELSE v.broker_token END AS broker_token,
       coalesce(v.status, i.status) AS status,
       CASE WHEN b.instrument_id IS NULL THEN i.lower_band ELSE b.lower_band END AS lower_band,
       CASE WHEN b.instrument_id IS NULL THEN i.upper_band ELSE b.upper_band END AS upper_band
FROM named JOIN instruments i USING (instrument_id)
LEFT JOIN instrument_versions v
       ON v.instrument_id = i.instrument_id AND v.valid_from <= :day AND :day < v.valid_to
LEFT JOIN instrument_bands b
       ON b.instrument_id = i.instrument_id AND b.valid_from <= :day AND :day < b.valid_to
WHERE i.listed_on <= :day
ORDER BY (coalesce(v.symbol, i.symbol) = :name OR upper(coalesce(v.broker_token, i.broker_token)) = :name) DESC,
         coalesce(v.status, i.status) <> 'active', i.instrument_id DESC
LIMIT 1
""")

# A master says that something is not listed only if it has the file that it would stand in, read by the same rules as
# the one that has it first: those of an earlier release may have refused the row.
_LISTING_DAYS = sa.text("""
SELECT i.listed_on,
       (SELECT max(s.effective_date) FROM syncs s
         WHERE s.state = 'completed' AND s.effective_date < i.listed_on AND jsonb_exists(s.files, i.file)
           AND s.mapping_version = (
               SELECT a.mapping_version FROM syncs a WHERE a.state = 'completed' AND a.effective_date = i.listed_on
               ORDER BY a.finished_at DESC LIMIT 1)) AS not_listed_until,
       CASE WHEN i.status = 'delisted' THEN i.version_from END AS delisted_on
FROM instruments i WHERE i.instrument_id = :id
""")


class SqlInstrumentQueries:
    """Implements `InstrumentQueries`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # A single SELECT is its own transaction; BEGIN and ROLLBACK around it would double the round trips of a search.
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def generation(self) -> UUID | None:
        query = (
            sa.select(syncs.c.id)
            .where(syncs.c.state == "completed")
            .order_by(syncs.c.finished_at.desc(), syncs.c.id.desc())
            .limit(1)
        )
        async with UnitOfWork(self._reading) as work:
            found: UUID | None = (await work.session.execute(query)).scalar_one_or_none()
            return found

    async def find(self, asked: Sequence[str]) -> dict[str, Instrument]:
        ids = [number for name in asked if (number := _number(name)) is not None]
        rows = await self._rows(_FIND, names=list(asked), ids=ids)
        return {row["asked"]: instrument(row) for row in rows}

    async def on_day(self, asked: str, day: date) -> Instrument | None:
        rows = await self._rows(
            _ON_DAY.bindparams(sa.bindparam("id", type_=sa.Integer)), name=asked, day=day, id=_number(asked)
        )
        return instrument(rows[0]) if rows else None

    async def former_names(self, instrument_id: int) -> list[str]:
        rows = await self._rows(
            sa.text("SELECT alias FROM aliases WHERE instrument_id = :id ORDER BY kind DESC, alias"), id=instrument_id
        )
        return [str(row["alias"]) for row in rows]

    async def listing_days(self, instrument_id: int) -> ListingDays:
        (row,) = await self._rows(_LISTING_DAYS, id=instrument_id)
        return ListingDays(row["listed_on"], row["not_listed_until"], row["delisted_on"])

    async def underlyings(self) -> list[Underlying]:
        async with UnitOfWork(self._reading) as work:
            return await search.underlyings(work.session)

    async def page(
        self, wanted: ListFilter, after: Position | None, limit: int
    ) -> tuple[list[Instrument], Position | None]:
        t = instruments.c
        expiry = sa.func.coalesce(t.expiry, sa.literal_column("'1900-01-01'::date"))
        strike = sa.func.coalesce(t.strike, sa.literal_column("0"))
        query = sa.select(instruments).order_by(expiry, strike, t.instrument_id).limit(limit + 1)
        equal = {
            t.exchange: wanted.exchange,
            t.type: wanted.type,
            t.underlying: wanted.underlying,
            t.expiry: wanted.expiry,
            t.right: wanted.right,
            t.status: wanted.status,
        }
        for column, value in equal.items():
            if value is not None:
                query = query.where(column == value)
        if wanted.strike_min is not None:
            query = query.where(t.strike >= wanted.strike_min)
        if wanted.strike_max is not None:
            query = query.where(t.strike <= wanted.strike_max)
        if after is not None:
            here = sa.tuple_(
                sa.literal(after.expiry, sa.Date),
                sa.literal(after.strike, sa.Numeric),
                sa.literal(after.instrument_id, sa.Integer),
            )
            query = query.where(sa.tuple_(expiry, strike, t.instrument_id) > here)
        async with UnitOfWork(self._reading) as work:
            rows = (await work.session.execute(query)).mappings().all()
        items = [instrument(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return items, None
        last = rows[limit - 1]
        return items, Position(last["expiry"] or _NO_EXPIRY, last["strike"] or Decimal(0), last["instrument_id"])

    async def expiries(self, exchange: str, underlying: str, from_day: date) -> list[date]:
        rows = await self._rows(
            sa.text(
                "SELECT DISTINCT expiry FROM instruments WHERE exchange = :exchange AND underlying = :underlying "
                "AND status = 'active' AND expiry >= :day ORDER BY expiry"
            ),
            exchange=exchange,
            underlying=underlying,
            day=from_day,
        )
        return [row["expiry"] for row in rows]

    def as_csv(self) -> AsyncIterator[bytes]:
        return csv_chunks(self._engine)

    async def _rows(self, query: sa.TextClause, **values: Any) -> Sequence[sa.RowMapping]:
        async with UnitOfWork(self._reading) as work:
            return (await work.session.execute(query, values)).mappings().all()


def _number(name: str) -> int | None:
    """The id that `name` spells, or None."""
    if not (name.isascii() and name.isdigit() and len(name) <= 10):
        return None
    number = int(name)
    return number if number <= _LARGEST_ID else None
