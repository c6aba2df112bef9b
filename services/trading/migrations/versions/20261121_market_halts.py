"""Halts of the market.

Revision ID: trading_0006
Revises: trading_0005
"""

import sqlalchemy as sa
from alembic import op

revision = "trading_0006"
down_revision = "trading_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "market_halts",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="Indian day on which it began."),
        sa.Column("percent", sa.Numeric(6, 2), nullable=False),
        sa.Column("index", sa.Text(), nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False, comment="Exchange time, like the others."),
        sa.Column("entry", sa.DateTime(timezone=True), nullable=False, comment="When orders are taken again."),
        sa.Column("resumes", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("feed", "day", "percent", name=op.f("pk_market_halts")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("market_halts")
