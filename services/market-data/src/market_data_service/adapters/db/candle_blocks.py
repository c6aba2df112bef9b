"""Day blocks: writing them whole, and reading many of them fast.

A year of minutes is 250 rows of one buffer each, viewed by NumPy, not half a million Python numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from breezeway.candles.columns import Candles
from breezeway.candles.resample import ist_midnight
from breezeway.clock import IST_OFFSET_SECONDS
from breezeway.db.unit_of_work import UnitOfWork
from breezeway.intervals import Interval
from market_data_service.adapters.db.block_codec import Block, Layout, PackedCandles, pack, unpack
from market_data_service.adapters.db.raw import raw_connection
from market_data_service.adapters.db.tables import candle_blocks, candle_coverage
from market_data_service.application.ports import StoredBars, StoredDays
from market_data_service.domain.coverage import CoverageState, DayCoverage
from market_data_service.domain.day_bars import DayBars, merge

_READ = """
    SELECT day - DATE '1970-01-01', bars, price_scale, volume_bytes, interest_bytes, body FROM candle_blocks
    WHERE symbol = $1 AND interval = $2 AND day BETWEEN $3 AND $4 ORDER BY day
"""
# Which days are complete comes as one more row, because a second statement would cost a round trip.
_COMPLETE_DAYS = """
    ARRAY(SELECT DISTINCT day - DATE '1970-01-01' FROM candle_coverage
          WHERE symbol = $1 AND interval = ANY($2) AND day BETWEEN $3 AND $4 AND state = 'complete')
"""
_READ_BEST = f"""
    (SELECT DISTINCT ON (day) day - DATE '1970-01-01' AS at, bars, price_scale, volume_bytes, interest_bytes, body,
            interval, NULL::int[] FROM candle_blocks
     WHERE symbol = $1 AND interval = ANY($2) AND day BETWEEN $3 AND $4 ORDER BY day, array_position($2, interval))
    UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, {_COMPLETE_DAYS} ORDER BY at NULLS LAST
"""  # noqa: S608 - constants of ours
_READ_DAILY = f"""
    (SELECT DISTINCT ON (day) day - DATE '1970-01-01' AS at, open, high, low, close, volume, open_interest, NULL::int[]
     FROM candle_blocks
     WHERE symbol = $1 AND interval = ANY($2) AND day BETWEEN $3 AND $4 ORDER BY day, array_position($2, interval))
    UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, {_COMPLETE_DAYS} ORDER BY at NULLS LAST
"""  # noqa: S608 - constants of ours
_DAY = 86_400


class PostgresCandleStore:
    """`CandleStore` over `candle_blocks` and `candle_coverage`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(self, symbol: str, interval: Interval, first: date, last: date) -> Candles:
        async with raw_connection(self._engine) as connection:
            rows = await connection.fetch(_READ, symbol, interval.value, first, last)
        return unpack([_block(row) for row in rows])

    async def read_best(self, symbol: str, sources: Sequence[Interval], first: date, last: date) -> StoredBars:
        names = [each.value for each in sources]
        async with raw_connection(self._engine) as connection:
            *rows, complete = await connection.fetch(_READ_BEST, symbol, names, first, last)
        runs = groupby(rows, itemgetter(6))
        parts = [(Interval(name), PackedCandles([_block(row) for row in run])) for name, run in runs]
        return StoredBars(parts, frozenset(complete[-1]))

    async def read_daily(self, symbol: str, sources: Sequence[Interval], first: date, last: date) -> StoredDays:
        names = [each.value for each in sources]
        async with raw_connection(self._engine) as connection:
            *rows, last_row = await connection.fetch(_READ_DAILY, symbol, names, first, last)
        complete = frozenset(last_row[-1])
        if not rows:
            return StoredDays(Candles.empty(), complete)
        days, o, h, low, c, v, oi, _ = zip(*rows, strict=True)
        t = np.array(days, np.int64) * _DAY - IST_OFFSET_SECONDS
        interest = [each or 0 for each in oi] if any(each is not None for each in oi) else None
        return StoredDays(Candles.of(t, o, h, low, c, v, interest), complete)

    async def newest_days(self, symbol: str, sources: Sequence[Interval], last: date, count: int) -> list[date]:
        b = candle_blocks.c
        query = (
            sa.select(b.day)
            .distinct()
            .where(b.symbol == symbol, b.interval.in_([each.value for each in sources]), b.day <= last)
            .order_by(b.day.desc())
            .limit(count)
        )
        async with UnitOfWork(self._engine) as work:
            return sorted((await work.session.scalars(query)).all())

    async def first_day(self, symbol: str) -> date | None:
        b = candle_blocks.c
        query = sa.select(sa.func.min(b.day)).where(b.symbol == symbol)
        async with UnitOfWork(self._engine) as work:
            found: date | None = await work.session.scalar(query)
            return found

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
    b = candle_blocks.c
    query = (
        sa.select(b.day, b.bars, b.price_scale, b.volume_bytes, b.interest_bytes, b.body)
        .where(b.symbol == symbol, b.interval == interval.value, b.day.between(first, last))
        .order_by(b.day)
    )
    rows = (await session.execute(query)).all()
    return [(day, Block(ist_midnight(day), Layout(*layout), body)) for day, *layout, body in rows]


def _block(row: Sequence[Any]) -> Block:
    return Block(row[0] * _DAY - IST_OFFSET_SECONDS, Layout(row[1], row[2], row[3], row[4]), row[5])


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


def _upsert_statement() -> Insert:
    statement = insert(candle_blocks)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in candle_blocks.columns
        if not column.primary_key and column.name != "updated_at"
    }
    return statement.on_conflict_do_update(
        index_elements=["symbol", "interval", "day"], set_={**replaced, "updated_at": sa.func.now()}
    )


_UPSERT: Final = _upsert_statement()
"""Made once, because making it takes SQLAlchemy as long as PostgreSQL takes to do it."""


async def _upsert(session: AsyncSession, symbol: str, interval: Interval, days: Iterable[DayBars], source: str) -> None:
    rows = [_row(symbol, interval, part, source) for part in days]
    if not rows:
        return
    await session.execute(_UPSERT, rows)


def _row(symbol: str, interval: Interval, part: DayBars, source: str) -> dict[str, Any]:
    bars = part.candles
    block = pack(bars, ist_midnight(part.day))
    return {
        "symbol": symbol,
        "interval": interval.value,
        "day": part.day,
        **block.layout._asdict(),
        "body": block.body,
        "checksum": part.checksum,
        "source": source,
        "open": float(bars.o[0]),
        "high": float(bars.h.max()),
        "low": float(bars.l.min()),
        "close": float(bars.c[-1]),
        "volume": int(bars.v.sum()),
        "open_interest": None if bars.oi is None else int(bars.oi[-1]),
    }
