"""Tables of the instruments database.

`instruments` holds what is true now, one row an instrument, and is all that search and resolution read. What *was* true
moves to `instrument_versions` (slow facts) and `instrument_bands` (price bands, which move daily for most contracts, so
they live in rows of their own) when it changes: the first sync writes no history, an unchanged one writes nothing.
Periods are half-open: `valid_from <= day < valid_to`; the current period starts at `version_from` / `bands_from`.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from breezeway.db.base import new_metadata

metadata = new_metadata()

instruments = sa.Table(
    "instruments",
    metadata,
    sa.Column("instrument_id", sa.Integer, sa.Identity(always=True), primary_key=True),
    sa.Column("natural_key", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False, comment="The master file whose rows keep it alive."),
    sa.Column("exchange", sa.Text, nullable=False),
    sa.Column("segment", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("isin", sa.Text),
    sa.Column("series", sa.Text),
    sa.Column("lot_size", sa.Integer, nullable=False),
    sa.Column("tick_size", sa.Numeric(12, 6), nullable=False, comment="Rupees."),
    sa.Column("freeze_quantity", sa.Integer),
    sa.Column("expiry", sa.Date),
    sa.Column("strike", sa.Numeric(18, 6)),
    sa.Column("right", sa.Text),
    sa.Column("underlying", sa.Text),
    sa.Column("underlying_exchange", sa.Text),
    sa.Column("lower_band", sa.Numeric(18, 6)),
    sa.Column("upper_band", sa.Numeric(18, 6)),
    sa.Column("broker_code", sa.Text, nullable=False),
    sa.Column("broker_token", sa.Text),
    sa.Column("broker_symbol", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("popularity", sa.SmallInteger, nullable=False),
    sa.Column("search_text", sa.Text),
    sa.Column("listed_on", sa.Date, nullable=False, comment="Day of the first master that had it."),
    sa.Column("version_from", sa.Date, nullable=False),
    sa.Column("bands_from", sa.Date, nullable=False),
    sa.Column("tick_set_on", sa.Date, nullable=False),
    sa.UniqueConstraint("natural_key"),
    sa.CheckConstraint("status IN ('active', 'expired', 'delisted')", name="status"),
    sa.CheckConstraint("lot_size > 0 AND tick_size > 0", name="sizes"),
)
# Not unique: a delisted company's symbol may be taken by another one, and a dead contract's token by a new one.
sa.Index("ix_instruments_symbol", instruments.c.symbol)
sa.Index("ix_instruments_broker_symbol", instruments.c.broker_symbol)
sa.Index("ix_instruments_broker_token", sa.func.upper(instruments.c.broker_token))
sa.Index("ix_instruments_isin", instruments.c.isin, postgresql_where=instruments.c.isin.isnot(None))
sa.Index(
    "ix_instruments_contract",
    instruments.c.exchange,
    instruments.c.underlying,
    instruments.c.expiry,
    instruments.c.strike,
    postgresql_where=instruments.c.expiry.isnot(None),
)
sa.Index(
    "ix_instruments_future",
    instruments.c.exchange,
    instruments.c.underlying,
    instruments.c.expiry,
    postgresql_where=instruments.c.type == "future",
)
sa.Index(
    "ix_instruments_code_prefix",
    instruments.c.code,
    postgresql_ops={"code": "text_pattern_ops"},
    postgresql_where=instruments.c.search_text.isnot(None),
)
sa.Index(
    "ix_instruments_search",
    instruments.c.search_text,
    postgresql_using="gin",
    postgresql_ops={"search_text": "gin_trgm_ops"},
    postgresql_where=instruments.c.search_text.isnot(None),
)
sa.Index(
    "ix_instruments_listing",
    sa.text("coalesce(expiry, '1900-01-01'::date)"),
    sa.text("coalesce(strike, 0)"),
    instruments.c.instrument_id,
)

instrument_versions = sa.Table(
    "instrument_versions",
    metadata,
    sa.Column("instrument_id", sa.Integer, sa.ForeignKey("instruments.instrument_id"), primary_key=True),
    sa.Column("valid_from", sa.Date, primary_key=True),
    sa.Column("valid_to", sa.Date, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("isin", sa.Text),
    sa.Column("series", sa.Text),
    sa.Column("lot_size", sa.Integer, nullable=False),
    sa.Column("tick_size", sa.Numeric(12, 6), nullable=False),
    sa.Column("freeze_quantity", sa.Integer),
    sa.Column("broker_token", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.CheckConstraint("valid_from < valid_to", name="period"),
    comment="Past states only; the present one is in instruments.",
)

instrument_bands = sa.Table(
    "instrument_bands",
    metadata,
    sa.Column("instrument_id", sa.Integer, sa.ForeignKey("instruments.instrument_id"), primary_key=True),
    sa.Column("valid_from", sa.Date, primary_key=True),
    sa.Column("valid_to", sa.Date, nullable=False),
    sa.Column("lower_band", sa.Numeric(18, 6)),
    sa.Column("upper_band", sa.Numeric(18, 6)),
    sa.CheckConstraint("valid_from < valid_to", name="period"),
    comment="Past price bands only; the present ones are in instruments.",
)

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column("alias", sa.Text, primary_key=True, comment="Upper case."),
    sa.Column("instrument_id", sa.Integer, sa.ForeignKey("instruments.instrument_id"), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.CheckConstraint("kind IN ('former_symbol', 'former_broker_symbol', 'former_token')", name="kind"),
    comment="Names an instrument once had. Those it has now are columns of instruments.",
)
sa.Index("ix_aliases_instrument_id", aliases.c.instrument_id)

syncs = sa.Table(
    "syncs",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("force", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("retry_at", sa.DateTime(timezone=True)),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True)),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
    sa.Column("master_date", sa.Date),
    sa.Column("effective_date", sa.Date),
    sa.Column("sha256", sa.Text),
    sa.Column("size", sa.Integer),
    sa.Column("rows", sa.Integer),
    sa.Column("stored", sa.Integer),
    sa.Column("refused", sa.Integer),
    sa.Column("added", sa.Integer),
    sa.Column("changed", sa.Integer),
    sa.Column("bands_changed", sa.Integer),
    sa.Column("expired", sa.Integer),
    sa.Column("delisted", sa.Integer),
    sa.Column("unchanged", sa.Integer),
    sa.Column("files", JSONB),
    sa.Column("missing", JSONB),
    sa.Column("seconds", sa.Double),
    sa.Column("mapping_version", sa.Integer),
    sa.Column("error_code", sa.Text),
    sa.Column("error_detail", sa.Text),
    sa.Column("stage", sa.Text),
    sa.Column("limits_version", sa.Text),
    sa.CheckConstraint("state IN ('queued', 'running', 'completed', 'failed')", name="state"),
    # At most one open run. Inside the table, because an index on no column has nothing else to belong to.
    sa.Index(
        "uq_syncs_open",
        sa.text("(true)"),
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    ),
)
sa.Index("ix_syncs_finished_at", syncs.c.finished_at)
refused_rows = sa.Table(
    "refused_rows",
    metadata,
    sa.Column("sync_id", sa.Uuid, sa.ForeignKey("syncs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("file", sa.Text, primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
