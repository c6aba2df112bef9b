"""Statements for many rows that stay the same however many they are, so that they are compiled and prepared once.

SQLAlchemy compiles a statement anew when its shape depends on how many values there are: more than executing costs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB


def any_of(name: str, kind: "sa.types.TypeEngine[Any]") -> "sa.CollectionAggregate[Any]":
    """`ANY` of an array that is bound as `name`."""
    return sa.any_(sa.bindparam(name, type_=ARRAY(kind)))


def rows_of(name: str, columns: "Sequence[sa.ColumnClause[Any]]", alias: str) -> "sa.TableValuedAlias":
    """The rows of a JSON array that is bound as `name` (see `as_rows`)."""
    given = sa.cast(sa.bindparam(name, type_=sa.Text), JSONB)
    return sa.func.jsonb_to_recordset(given).table_valued(*columns).render_derived(name=alias, with_types=True)


def as_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows for `rows_of`; decimals as text, which PostgreSQL reads exactly."""
    return orjson.dumps(rows, default=str).decode()
