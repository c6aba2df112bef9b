"""Which user's day has been topped up

Revision ID: 0007_top_ups
Revises: 0006_day_summaries
"""

import sqlalchemy as sa
from alembic import op

revision = "0007_top_ups"
down_revision = "0006_day_summaries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "top_ups",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("segment", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


def downgrade() -> None:
    op.drop_table("top_ups")
