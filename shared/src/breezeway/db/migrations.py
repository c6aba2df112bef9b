"""What the `migrations/env.py` of every service runs."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, MetaData

from breezeway.db.engine import create_engine

_LOCK = 0x627265657A65  # "breeze": two migrators of one database take turns


def run(metadata: MetaData) -> None:
    """Migrate the database in `DATABASE_URL`, or write the SQL when Alembic runs offline (`--sql`)."""
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    url = context.config.attributes.get("database_url") or os.environ["DATABASE_URL"]
    asyncio.run(_run_online(str(url), metadata))


async def _run_online(url: str, metadata: MetaData) -> None:
    engine = create_engine(url, application="migrations", statement_timeout=300, pooled=False)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate, metadata)
            await connection.commit()
    finally:
        await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, transaction_per_migration=False
    )
    with context.begin_transaction():
        context.run_migrations()
