"""PostgreSQL: tables and repositories. All SQL of the service is here."""
