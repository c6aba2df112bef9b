"""Mails, second factors and what else proves who somebody is.

Revision ID: 20261123_credentials
Revises: 20261122_revocations
"""

from alembic import op

revision = "20261123_credentials"
down_revision = "20261122_revocations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
