"""Reads what an index in memory is made of, in batches, so that neither the event loop nor memory notices."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.db.unit_of_work import UnitOfWork
from instruments_service.adapters.db import search
from instruments_service.application.ports import IndexContents
from instruments_service.domain.contract_index import Contract, ContractTable
from instruments_service.domain.descriptions import Descriptions
from instruments_service.domain.text_index import Document

_BATCH = 2_000

_DOCUMENTS = sa.text("""
SELECT instrument_id, exchange, type, symbol, code, broker_code, isin, name, popularity,
       array_remove(array_append(
           (SELECT array_agg(split_part(a.alias, ':', 2)) FROM aliases a
             WHERE a.instrument_id = i.instrument_id AND a.kind = 'former_symbol'),
           CASE WHEN exchange = 'BSE' THEN split_part(broker_token, '!', 2) END), NULL) AS also
FROM instruments i WHERE status = 'active' AND search_text IS NOT NULL""")
_CONTRACTS = sa.text(
    'SELECT instrument_id, exchange, underlying, expiry, strike, "right", lower_band, upper_band'
    " FROM instruments WHERE status = 'active' AND expiry IS NOT NULL AND underlying IS NOT NULL"
)


# As the contract's `Instrument` writes itself: its fields in its order, decimals as text without needless zeros.
_DESCRIPTIONS = sa.text("""
SELECT d.instrument_id, row_to_json(d)::text AS described FROM (
    SELECT instrument_id, symbol, exchange, segment, type, name, isin, series, lot_size,
           trim_scale(tick_size)::text AS tick_size, freeze_quantity, expiry,
           trim_scale(strike)::text AS strike, "right", underlying,
           trim_scale(lower_band)::text AS lower_band, trim_scale(upper_band)::text AS upper_band,
           broker_code, broker_token, status
    FROM instruments WHERE status = 'active' ORDER BY instrument_id
) AS d""")


class SqlIndexRows:
    """Implements `IndexRows`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def load(self) -> IndexContents:
        documents: list[Document] = []
        contracts = ContractTable()
        async with UnitOfWork(self._engine) as work:
            # One snapshot for all three: a sync may commit in between.
            await work.session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            async for rows in (await work.session.stream(_DOCUMENTS)).partitions(_BATCH):
                documents += [Document._make([*row[:-1], tuple(row.also)]) for row in rows]
            async for rows in (await work.session.stream(_CONTRACTS)).partitions(_BATCH):
                contracts.add([Contract(*row) for row in rows])
            described = Descriptions()
            async for rows in (await work.session.stream(_DESCRIPTIONS)).partitions(_BATCH):
                described.add([(row.instrument_id, row.described) for row in rows])
            underlyings = await search.underlyings(work.session)
        return IndexContents(documents, contracts, underlyings, described)
