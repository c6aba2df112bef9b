"""Fencing tokens of feeds

Revision ID: 0002_feed_fences
Revises: 0001_candles
"""

import sqlalchemy as sa
from alembic import op

revision = "0002_feed_fences"
down_revision = "0001_candles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "feed_fences",
        sa.Column("feed", sa.Text, primary_key=True),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("minted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        comment="The last fencing token of each feed. "
        "It lives here because a Redis that restarts would count from 1 again.",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("feed_fences")
