"""Alembic's entry point; the work is in breezeway.db.migrations."""

from breezeway.db import migrations
from notifications_service.adapters.db.tables import metadata

migrations.run(metadata)
