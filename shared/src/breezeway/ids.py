"""Identifiers: time-ordered UUIDs (version 7), so that primary keys stay dense and lists page by id."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7; ids made later sort later."""
    return uuid7()
