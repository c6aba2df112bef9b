"""What users want carried while nobody listens

Revision ID: 0003_subscriptions
Revises: 0002_feed_fences
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0003_subscriptions"
down_revision = "0002_feed_fences"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "subscriptions",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("modes", ARRAY(sa.Text, dimensions=1), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("cardinality(modes) > 0 AND modes <@ ARRAY['tick','depth']", name="modes"),
        comment="What a user's feed carries also while no client listens.",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("subscriptions")
