"""Each block carries its day's bar

Years of daily bars are then read without unpacking a minute.

Revision ID: 0006_day_summaries
Revises: 0005_watchlists
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_day_summaries"
down_revision = "0005_watchlists"
branch_labels = None
depends_on = None

_DOUBLES = ("open", "high", "low", "close")
_FILL = """
UPDATE candle_blocks AS block SET
    open = summary.open, high = summary.high, low = summary.low, close = summary.close,
    volume = summary.volume, open_interest = summary.open_interest
FROM (
    SELECT symbol, interval, day, (array_agg(open ORDER BY at))[1] AS open, max(high) AS high, min(low) AS low,
           (array_agg(close ORDER BY at DESC))[1] AS close, sum(volume)::bigint AS volume,
           (array_agg(open_interest ORDER BY at DESC))[1] AS open_interest
    FROM candle_rows GROUP BY symbol, interval, day
) AS summary
WHERE (block.symbol, block.interval, block.day) = (summary.symbol, summary.interval, summary.day)
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = 0")
    for name in _DOUBLES:
        op.add_column("candle_blocks", sa.Column(name, sa.Double))
    for name in ("volume", "open_interest"):
        op.add_column("candle_blocks", sa.Column(name, sa.BigInteger))
    op.execute(_FILL)
    for name in (*_DOUBLES, "volume"):
        op.alter_column("candle_blocks", name, nullable=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name in (*_DOUBLES, "volume", "open_interest"):
        op.drop_column("candle_blocks", name)
