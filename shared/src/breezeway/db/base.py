"""What every service's tables have in common."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names by rule, so that a migration can name what it drops."""


def new_metadata() -> MetaData:
    """Metadata with our constraint names; one per service."""
    return MetaData(naming_convention=NAMING)


class Base(DeclarativeBase):
    """Parent of a service's own base: `class ServiceBase(Base): __abstract__ = True; metadata = new_metadata()`."""

    __abstract__ = True
