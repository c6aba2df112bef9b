"""Candles by trading day, their coverage, and backfills

Revision ID: 0001_candles
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001_candles"
down_revision = None
branch_labels = None
depends_on = None

_NOW = sa.func.now()

# `date - '1970-01-01'` counts days; midnight IST lies 19,800 seconds before midnight UTC.
_VIEW = """
CREATE VIEW candle_rows AS
SELECT block.symbol,
       block.interval,
       block.day,
       to_timestamp((block.day - DATE '1970-01-01') * 86400::bigint - 19800 + bar.t) AS at,
       bar.o AS open,
       bar.h AS high,
       bar.l AS low,
       bar.c AS close,
       bar.v AS volume,
       bar.oi AS open_interest
FROM candle_blocks AS block
CROSS JOIN LATERAL unnest(block.t, block.o, block.h, block.l, block.c, block.v, block.oi)
    AS bar (t, o, h, l, c, v, oi)
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "candle_blocks",
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("interval", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("t", ARRAY(sa.Integer, dimensions=1), nullable=False, comment="seconds since midnight IST"),
        sa.Column("o", ARRAY(sa.Double, dimensions=1), nullable=False),
        sa.Column("h", ARRAY(sa.Double, dimensions=1), nullable=False),
        sa.Column("l", ARRAY(sa.Double, dimensions=1), nullable=False),
        sa.Column("c", ARRAY(sa.Double, dimensions=1), nullable=False),
        sa.Column("v", ARRAY(sa.BigInteger, dimensions=1), nullable=False),
        sa.Column("oi", ARRAY(sa.BigInteger, dimensions=1)),
        sa.Column("bars", sa.Integer, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("bars = cardinality(t) AND bars > 0", name="bars"),
        comment="One row per instrument, interval and trading day; the view candle_rows shows single bars.",
    )
    op.execute(_VIEW)
    op.create_table(
        "candle_coverage",
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("interval", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("bars", sa.Integer, nullable=False),
        sa.Column("expected", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint(
            "state IN ('complete','partial','missing','holiday','not_listed','upstream_none','upstream_failed')",
            name="state",
        ),
    )
    op.create_table(
        "backfills",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("interval", sa.Text, nullable=False),
        sa.Column("from_day", sa.Date, nullable=False),
        sa.Column("to_day", sa.Date, nullable=False, comment="inclusive"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("calls_estimated", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('queued','running','paused','cancelled','done','failed')", name="state"),
        sa.Index(None, "user_id", "id"),
    )
    op.create_table(
        "backfill_symbols",
        sa.Column("backfill_id", sa.Uuid, sa.ForeignKey("backfills.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("instrument", JSONB, nullable=False, comment="as the master described it when the backfill was made"),
    )
    op.create_table(
        "backfill_chunks",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("backfill_id", sa.Uuid, sa.ForeignKey("backfills.id", ondelete="CASCADE"), nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, comment="exclusive"),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("calls_used", sa.Integer, nullable=False, server_default="0"),
        sa.Column("candles_written", sa.Integer, nullable=False, server_default="0"),
        sa.Column("error_code", sa.Text),
        sa.Column("error_detail", sa.Text),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("state IN ('pending','leased','done','failed')", name="state"),
        sa.Index(None, "backfill_id", "symbol"),
        sa.Index(
            "ix_backfill_chunks_open",
            "not_before",
            "id",
            postgresql_where=sa.text("state IN ('pending','leased')"),
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("backfill_chunks")
    op.drop_table("backfill_symbols")
    op.drop_table("backfills")
    op.drop_table("candle_coverage")
    op.execute("DROP VIEW candle_rows")
    op.drop_table("candle_blocks")
