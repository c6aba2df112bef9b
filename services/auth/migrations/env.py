"""Alembic's entry point; the work is in breezeway.db.migrations."""

from auth_service.adapters.db.tables import metadata
from breezeway.db import migrations

migrations.run(metadata)
