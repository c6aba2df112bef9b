"""The newest stored candle of many instruments at once: one index probe each, not a read of their history."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway.clock import IST_OFFSET_SECONDS
from breezeway.db.unit_of_work import UnitOfWork
from market_data_service.application.leg_prices import StoredPrice

_DAY = 86_400

# A block begins with its bars' times, four bytes each, seconds after midnight in India; `ends` is that of the last one.
# Of a day with minutes and a daily bar the minutes say when its last trade was.
_NEWEST = sa.text("""
SELECT asked.symbol, b.day - DATE '1970-01-01' AS day, b.interval, b.close, b.volume, b.open_interest,
       ('x' || encode(substring(b.body FROM b.bars * 4 - 3 FOR 4), 'hex'))::bit(32)::integer AS ends,
       p.close AS prev_close, p.open_interest AS prev_interest
FROM unnest(CAST(:symbols AS text[])) AS asked(symbol)
CROSS JOIN LATERAL (
    SELECT * FROM candle_blocks c WHERE c.symbol = asked.symbol AND c.interval IN ('1m', '1d')
    ORDER BY c.day DESC, c.interval DESC LIMIT 1
) AS b
LEFT JOIN LATERAL (
    SELECT close, open_interest FROM candle_blocks c
    WHERE c.symbol = asked.symbol AND c.interval IN ('1m', '1d') AND c.day < b.day
    ORDER BY c.day DESC, c.interval LIMIT 1
) AS p ON true""")

_DAILY_CLOSE = 15 * 3600 + 30 * 60
"""A daily bar does not say when its last trade was; the usual close is near enough for an age."""


class PostgresStoredPrices:
    """`StoredPrices`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def newest(self, symbols: Sequence[str]) -> Mapping[str, StoredPrice]:
        if not symbols:
            return {}
        async with UnitOfWork(self._engine) as work:
            rows = (await work.session.execute(_NEWEST, {"symbols": list(symbols)})).all()
        return {
            row.symbol: StoredPrice(
                at=datetime.fromtimestamp(
                    row.day * _DAY
                    - IST_OFFSET_SECONDS
                    + (row.ends + 60 if row.interval == "1m" else max(row.ends, _DAILY_CLOSE)),
                    UTC,
                ),
                close=row.close,
                volume=row.volume,
                oi=row.open_interest,
                prev_close=row.prev_close,
                prev_oi=row.prev_interest,
            )
            for row in rows
        }
