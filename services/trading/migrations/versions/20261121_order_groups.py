"""Order groups.

Revision ID: trading_0003
Revises: trading_0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "trading_0003"
down_revision = "trading_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "order_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", JSONB(), nullable=False, comment="Orders that are still to be placed, and the trigger."),
        sa.Column("text", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('oco', 'bracket', 'basket', 'gtt')", name=op.f("ck_order_groups_kind")),
        sa.CheckConstraint(
            "state IN ('waiting', 'working', 'done', 'cancelled', 'failed')", name=op.f("ck_order_groups_state")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["trading_accounts.id"], name=op.f("fk_order_groups_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_groups")),
    )
    op.create_index("ix_order_groups_user_id_id", "order_groups", ["user_id", "id"])
    op.create_index(
        "ix_order_groups_unfinished",
        "order_groups",
        ["id"],
        postgresql_where=sa.text("state IN ('waiting', 'working')"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("order_groups")
