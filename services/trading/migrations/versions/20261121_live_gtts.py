"""GTT that the broker keeps for live accounts.

Revision ID: trading_0007
Revises: trading_0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "trading_0007"
down_revision = "trading_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "live_gtts",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("broker_account_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("legs", JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False, comment="Exchange time, like `seen_at`."),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), nullable=False, comment="When the broker last had it waiting."
        ),
        sa.Column("broker_gtt_id", sa.Text()),
        sa.Column("wish", JSONB(), comment="What the broker is being asked, until its effect is known."),
        sa.Column("cancel_asked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("history", JSONB(), nullable=False),
        sa.CheckConstraint(
            "status IN ('new', 'submitting', 'unknown', 'active', 'triggered', 'cancelled', 'expired', 'rejected')",
            name=op.f("ck_live_gtts_status"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["trading_accounts.id"], name=op.f("fk_live_gtts_account_id")),
        sa.ForeignKeyConstraint(["group_id"], ["order_groups.id"], name=op.f("fk_live_gtts_group_id")),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_live_gtts")),
        sa.UniqueConstraint(
            "broker_account_id", "broker_gtt_id", name=op.f("uq_live_gtts_broker_account_id_broker_gtt_id")
        ),
    )
    op.create_index(
        "ix_live_gtts_waiting",
        "live_gtts",
        ["group_id"],
        postgresql_where=sa.text("status IN ('new', 'submitting', 'unknown', 'active')"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("live_gtts")
