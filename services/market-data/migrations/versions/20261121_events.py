"""Events for the notifications service.

Revision ID: 0008_events
Revises: 0007_top_ups
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008_events"
down_revision = "0007_top_ups"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "event_outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "refused",
            sa.Text(),
            nullable=True,
            comment="Why the receiver will never take it; kept for a person to look at.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_outbox")),
    )
    op.create_table(
        "feed_outages",
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("feed", name=op.f("pk_feed_outages")),
        comment="Feeds whose user was told that they are down, and not yet that they are back.",
    )
    op.add_column(
        "backfills",
        sa.Column("asked", sa.Boolean(), server_default=sa.true(), nullable=False, comment="By its user."),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("backfills", "asked")
    op.drop_table("feed_outages")
    op.drop_table("event_outbox")
