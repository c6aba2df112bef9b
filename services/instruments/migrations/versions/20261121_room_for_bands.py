"""Leave room in the pages of instruments

Most contracts' price bands move every day. With free space in their page such updates touch no index.

Revision ID: instruments_0003
Revises: instruments_0002
"""

from alembic import op

revision = "instruments_0003"
down_revision = "instruments_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE instruments SET (fillfactor = 60)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE instruments RESET (fillfactor)")
