"""Day blocks: writing them whole, and reading many of them fast.

A year of minutes is 250 rows of one buffer each, viewed by NumPy, not half a million Python numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from breezeway.candles.columns import Candles
from breezeway.candles.resample import ist_midnight
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.intervals import Interval
from market_data_service.adapters.db.block_codec import Block, Layout, pack, unpack
from market_data_service.adapters.db.tables import candle_blocks, candle_coverage
from market_data_service.domain.coverage import CoverageState, DayCoverage
from market_data_service.domain.day_bars import DayBars, merge

_READ = sa.text("""
    SELECT day, bars, price_scale, volume_bytes, interest_bytes, body FROM candle_blocks
    WHERE symbol = :symbol AND interval = :interval AND day BETWEEN :first AND :last ORDER BY day
""")


class PostgresCandleStore:
    """`CandleStore` over `candle_blocks` and `candle_coverage`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(self, symbol: str, interval: Interval, first: date, last: date) -> Candles:
        async with UnitOfWork(self._engine) as work:
            blocks = await _read_blocks(work.session, symbol, interval, first, last)
        return unpack([block for _, block in blocks])

    async def newest_days(self, symbol: str, interval: Interval, last: date, count: int) -> list[date]:
        b = candle_blocks.c
        query = (
            sa.select(b.day)
            .where(b.symbol == symbol, b.interval == interval.value, b.day <= last)
            .order_by(b.day.desc())
            .limit(count)
        )
        async with UnitOfWork(self._engine) as work:
            return sorted((await work.session.scalars(query)).all())

    async def coverage(self, symbol: str, interval: Interval, first: date, last: date) -> Mapping[date, DayCoverage]:
        c = candle_coverage.c
        query = sa.select(c.day, c.state, c.bars, c.expected, c.reason, c.updated_at).where(
            c.symbol == symbol, c.interval == interval.value, c.day.between(first, last)
        )
        async with UnitOfWork(self._engine) as work:
            rows = (await work.session.execute(query)).all()
        return {
            row.day: DayCoverage(row.day, CoverageState(row.state), row.bars, row.expected, row.reason, row.updated_at)
            for row in rows
        }


async def read_days(session: AsyncSession, symbol: str, interval: Interval, first: date, last: date) -> list[DayBars]:
    """The stored days from `first` to `last`, ascending."""
    blocks = await _read_blocks(session, symbol, interval, first, last)
    return [DayBars(day, unpack([block])) for day, block in blocks]


async def _read_blocks(
    session: AsyncSession, symbol: str, interval: Interval, first: date, last: date
) -> list[tuple[date, Block]]:
    bounds = {"symbol": symbol, "interval": interval.value, "first": first, "last": last}
    rows = (await session.execute(_READ, bounds)).all()
    return [(day, Block(ist_midnight(day), Layout(*layout), body)) for day, *layout, body in rows]


async def write_days(
    session: AsyncSession,
    symbol: str,
    interval: Interval,
    days: Sequence[DayBars],
    source: str,
    *,
    keep_stored: bool = False,
) -> dict[date, int]:
    """Merge days into the store; the bars that each holds afterwards.

    The same content again changes no row, not even its `updated_at`. Serialised per symbol and interval by a
    lock that ends with the transaction, because two writers of one day must see each other's bars.
    """
    if not days:
        return {}
    await session.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"{symbol}|{interval.value}"}
    )
    stored = {part.day: part for part in await read_days(session, symbol, interval, days[0].day, days[-1].day)}
    merged = [merge(stored.get(part.day), part, keep_stored=keep_stored) for part in days]
    changed = [part for part in merged if part.day not in stored or stored[part.day].checksum != part.checksum]
    await _upsert(session, symbol, interval, changed, source)
    return {part.day: len(part.candles) for part in merged}


async def _upsert(session: AsyncSession, symbol: str, interval: Interval, days: Iterable[DayBars], source: str) -> None:
    rows = [_row(symbol, interval, part, source) for part in days]
    if not rows:
        return
    statement = insert(candle_blocks)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in candle_blocks.columns
        if not column.primary_key and column.name != "updated_at"
    }
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["symbol", "interval", "day"], set_={**replaced, "updated_at": sa.func.now()}
        ),
        rows,
    )


def _row(symbol: str, interval: Interval, part: DayBars, source: str) -> dict[str, Any]:
    block = pack(part.candles, ist_midnight(part.day))
    return {
        "symbol": symbol,
        "interval": interval.value,
        "day": part.day,
        **asdict(block.layout),
        "body": block.body,
        "checksum": part.checksum,
        "source": source,
    }
