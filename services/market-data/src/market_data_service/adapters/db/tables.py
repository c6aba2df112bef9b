"""The service's tables, as SQLAlchemy Core. Rows never leave `adapters.db`."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from breezeway.db.base import new_metadata
from breezeway.outbox.table import event_outbox

metadata = new_metadata()

_NOW = sa.func.now()

candle_blocks = sa.Table(
    "candle_blocks",
    metadata,
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("interval", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("bars", sa.Integer, nullable=False),
    sa.Column("price_scale", sa.SmallInteger, nullable=False),
    sa.Column("volume_bytes", sa.SmallInteger, nullable=False),
    sa.Column("interest_bytes", sa.SmallInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("checksum", sa.LargeBinary, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("open", sa.Double, nullable=False),
    sa.Column("high", sa.Double, nullable=False),
    sa.Column("low", sa.Double, nullable=False),
    sa.Column("close", sa.Double, nullable=False),
    sa.Column("volume", sa.BigInteger, nullable=False),
    sa.Column("open_interest", sa.BigInteger),
    sa.CheckConstraint(
        "bars > 0 AND octet_length(body) = bars * (4 + 4 * CASE price_scale WHEN 0 THEN 8 ELSE 4 END + volume_bytes"
        " + interest_bytes)",
        name="body",
    ),
    comment="One row per instrument, interval and trading day; the view candle_rows shows single bars.",
)

candle_coverage = sa.Table(
    "candle_coverage",
    metadata,
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

backfills = sa.Table(
    "backfills",
    metadata,
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
    sa.Column("asked", sa.Boolean, nullable=False, server_default=sa.true(), comment="By its user."),
    sa.CheckConstraint("state IN ('queued','running','paused','cancelled','done','failed')", name="state"),
    sa.Index(None, "user_id", "id"),
)

backfill_symbols = sa.Table(
    "backfill_symbols",
    metadata,
    sa.Column("backfill_id", sa.Uuid, sa.ForeignKey("backfills.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("instrument", JSONB, nullable=False, comment="as the master described it when the backfill was made"),
)

backfill_chunks = sa.Table(
    "backfill_chunks",
    metadata,
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

watchlists = sa.Table(
    "watchlists",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("symbols", ARRAY(sa.Text, dimensions=1), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.UniqueConstraint("user_id", "name"),
)

top_ups = sa.Table(
    "top_ups",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
)

events = event_outbox(metadata)
