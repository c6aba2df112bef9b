"""PostgreSQL: engine, units of work, migrations."""
