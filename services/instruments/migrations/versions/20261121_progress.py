"""How far a running sync is, and which freeze limits a finished one used

Revision ID: instruments_0002
Revises: instruments_0001
"""

import sqlalchemy as sa
from alembic import op

revision = "instruments_0002"
down_revision = "instruments_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("syncs", sa.Column("stage", sa.Text))
    op.add_column("syncs", sa.Column("limits_version", sa.Text))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("syncs", "limits_version")
    op.drop_column("syncs", "stage")
