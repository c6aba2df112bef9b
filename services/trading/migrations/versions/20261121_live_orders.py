"""Live accounts: which orders go to the broker, what was sent, and how far its notifications have been read.

Revision ID: trading_0004
Revises: trading_0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "trading_0004"
down_revision = "trading_0003"
branch_labels = None
depends_on = None

_BEFORE = "state IN ('new', 'trigger_pending', 'open', 'partially_filled')"
_AFTER = "state IN ('new', 'submitting', 'unknown', 'trigger_pending', 'open', 'partially_filled')"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("trading_accounts", sa.Column("broker_account_id", sa.Uuid()))
    op.create_check_constraint(
        op.f("ck_trading_accounts_broker"), "trading_accounts", "(kind = 'live') = (broker_account_id IS NOT NULL)"
    )
    op.create_index(
        "uq_trading_accounts_broker_account_id",
        "trading_accounts",
        ["broker_account_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.add_column("orders", sa.Column("live", sa.Boolean(), server_default=sa.false(), nullable=False))
    _working_index(_AFTER)
    op.add_column("order_commands", sa.Column("live", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("order_commands", sa.Column("sent_at", sa.DateTime(timezone=True)))
    op.add_column("order_commands", sa.Column("answer", sa.Text()))
    op.add_column("order_commands", sa.Column("looked_at", sa.DateTime(timezone=True)))
    op.add_column("order_commands", sa.Column("looks", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(op.f("ck_order_commands_answer"), "order_commands", "answer IN ('accepted', 'unknown')")
    op.create_index("ix_order_commands_live", "order_commands", ["order_id", "seq"], postgresql_where=sa.text("live"))
    op.create_table(
        "live_orders",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("broker_account_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False, comment="What we remark on the order at the broker."),
        sa.Column("price", sa.Numeric(18, 6), nullable=False, comment="The limit that was sent, rupees."),
        sa.Column("square_off", sa.Boolean(), nullable=False),
        sa.Column("broker_order_id", sa.Text()),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_live_orders_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_live_orders")),
        sa.UniqueConstraint("tag", name=op.f("uq_live_orders_tag")),
        sa.UniqueConstraint(
            "broker_account_id", "broker_order_id", name=op.f("uq_live_orders_broker_account_id_broker_order_id")
        ),
    )
    op.create_table(
        "broker_notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("broker_order_id", sa.Text(), nullable=False),
        sa.Column("message", JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_notices")),
    )
    op.create_index("ix_broker_notices_user_id", "broker_notices", ["user_id", "broker_order_id"])
    op.create_table(
        "broker_notice_places",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_broker_notice_places")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("broker_notice_places")
    op.drop_table("broker_notices")
    op.drop_table("live_orders")
    op.drop_index("ix_order_commands_live", "order_commands")
    op.drop_constraint(op.f("ck_order_commands_answer"), "order_commands")
    for name in ("looks", "looked_at", "answer", "sent_at", "live"):
        op.drop_column("order_commands", name)
    _working_index(_BEFORE)
    op.drop_column("orders", "live")
    op.drop_index("uq_trading_accounts_broker_account_id", "trading_accounts")
    op.drop_constraint(op.f("ck_trading_accounts_broker"), "trading_accounts")
    op.drop_column("trading_accounts", "broker_account_id")


def _working_index(where: str) -> None:
    op.drop_index("ix_orders_working", "orders")
    op.create_index("ix_orders_working", "orders", ["account_id"], postgresql_where=sa.text(where))
