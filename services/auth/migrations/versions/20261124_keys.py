"""API keys, preferences and administration.

Revision ID: 20261124_keys
Revises: 20261123_credentials
"""

from alembic import op

revision = "20261124_keys"
down_revision = "20261123_credentials"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
