"""Ports made real: PostgreSQL, Redis, Breeze, other services."""
