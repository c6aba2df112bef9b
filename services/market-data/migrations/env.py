"""Alembic's entry point; the work is in breezeway.db.migrations."""

from breezeway.db import migrations
from market_data_service.adapters.db.feed_tables import metadata

migrations.run(metadata)
