"""The master with its history, its aliases, and the runs that fill it.

Revision ID: instruments_0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "instruments_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    _instruments()
    _history()
    _syncs()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in ("refused_rows", "syncs", "aliases", "instrument_bands", "instrument_versions", "instruments"):
        op.drop_table(table)


def _instruments() -> None:
    op.create_table(
        "instruments",
        sa.Column("instrument_id", sa.Integer, sa.Identity(always=True), nullable=False),
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
        sa.PrimaryKeyConstraint("instrument_id", name="pk_instruments"),
        sa.UniqueConstraint("natural_key", name="uq_instruments_natural_key"),
        sa.CheckConstraint("status IN ('active', 'expired', 'delisted')", name="ck_instruments_status"),
        sa.CheckConstraint("lot_size > 0 AND tick_size > 0", name="ck_instruments_sizes"),
    )
    op.create_index("ix_instruments_symbol", "instruments", ["symbol"])
    op.create_index("ix_instruments_broker_symbol", "instruments", ["broker_symbol"])
    op.create_index("ix_instruments_broker_token", "instruments", [sa.text("upper(broker_token)")])
    op.create_index("ix_instruments_isin", "instruments", ["isin"], postgresql_where=sa.text("isin IS NOT NULL"))
    op.create_index(
        "ix_instruments_contract",
        "instruments",
        ["exchange", "underlying", "expiry", "strike"],
        postgresql_where=sa.text("expiry IS NOT NULL"),
    )
    op.create_index(
        "ix_instruments_future",
        "instruments",
        ["exchange", "underlying", "expiry"],
        postgresql_where=sa.text("type = 'future'"),
    )
    op.create_index(
        "ix_instruments_code_prefix",
        "instruments",
        ["code"],
        postgresql_ops={"code": "text_pattern_ops"},
        postgresql_where=sa.text("search_text IS NOT NULL"),
    )
    op.create_index(
        "ix_instruments_search",
        "instruments",
        ["search_text"],
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
        postgresql_where=sa.text("search_text IS NOT NULL"),
    )
    op.create_index(
        "ix_instruments_listing",
        "instruments",
        [sa.text("coalesce(expiry, '1900-01-01'::date)"), sa.text("coalesce(strike, 0)"), "instrument_id"],
    )


def _history() -> None:
    op.create_table(
        "instrument_versions",
        sa.Column("instrument_id", sa.Integer, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
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
        sa.PrimaryKeyConstraint("instrument_id", "valid_from", name="pk_instrument_versions"),
        sa.ForeignKeyConstraint(
            ["instrument_id"], ["instruments.instrument_id"], name="fk_instrument_versions_instrument_id"
        ),
        sa.CheckConstraint("valid_from < valid_to", name="ck_instrument_versions_period"),
        comment="Past states only; the present one is in instruments.",
    )
    op.create_table(
        "instrument_bands",
        sa.Column("instrument_id", sa.Integer, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date, nullable=False),
        sa.Column("lower_band", sa.Numeric(18, 6)),
        sa.Column("upper_band", sa.Numeric(18, 6)),
        sa.PrimaryKeyConstraint("instrument_id", "valid_from", name="pk_instrument_bands"),
        sa.ForeignKeyConstraint(
            ["instrument_id"], ["instruments.instrument_id"], name="fk_instrument_bands_instrument_id"
        ),
        sa.CheckConstraint("valid_from < valid_to", name="ck_instrument_bands_period"),
        comment="Past price bands only; the present ones are in instruments.",
    )
    op.create_table(
        "aliases",
        sa.Column("alias", sa.Text, nullable=False, comment="Upper case."),
        sa.Column("instrument_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("alias", "instrument_id", name="pk_aliases"),
        sa.ForeignKeyConstraint(["instrument_id"], ["instruments.instrument_id"], name="fk_aliases_instrument_id"),
        sa.CheckConstraint("kind IN ('former_symbol', 'former_broker_symbol', 'former_token')", name="ck_aliases_kind"),
        comment="Names an instrument once had. Those it has now are columns of instruments.",
    )
    op.create_index("ix_aliases_instrument_id", "aliases", ["instrument_id"])


def _syncs() -> None:
    counts = ("rows", "stored", "refused", "added", "changed", "bands_changed", "expired", "delisted", "unchanged")
    op.create_table(
        "syncs",
        sa.Column("id", sa.Uuid, nullable=False),
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
        *(sa.Column(name, sa.Integer) for name in counts),
        sa.Column("files", JSONB),
        sa.Column("missing", JSONB),
        sa.Column("seconds", sa.Double),
        sa.Column("mapping_version", sa.Integer),
        sa.Column("error_code", sa.Text),
        sa.Column("error_detail", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_syncs"),
        sa.CheckConstraint("state IN ('queued', 'running', 'completed', 'failed')", name="ck_syncs_state"),
    )
    op.create_index("ix_syncs_finished_at", "syncs", ["finished_at"])
    op.create_index(
        "uq_syncs_open",
        "syncs",
        [sa.text("(true)")],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "refused_rows",
        sa.Column("sync_id", sa.Uuid, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sync_id", "file", "line", name="pk_refused_rows"),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name="fk_refused_rows_sync_id", ondelete="CASCADE"),
    )
