"""Every column that the vault seals, to seal it again with a newer key and to see which keys are still needed.

A column whose name ends in `_sealed` is one of them, so nobody has to remember to add theirs here. Its place in the
seal is table, column and primary key.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import Column, Table, and_, case, func, literal, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.elements import ColumnElement

from auth_service.adapters.db.tables import metadata
from auth_service.adapters.vault import Place, Vault, prefix_of
from auth_service.application.vault_rotation import Resealed
from breezeway.db.unit_of_work import is_connection_failure
from breezeway.errors import Misconfigured

_SAMPLES: Final = 5

_log = structlog.get_logger()


class PostgresSealedRows:
    """See `vault_rotation.SealedRows`."""

    def __init__(self, engine: AsyncEngine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault
        self._tables = {table.name: table for table in metadata.sorted_tables if _sealed_columns(table)}

    @property
    def newest(self) -> str:
        return self._vault.newest

    @property
    def tables(self) -> Sequence[str]:
        return tuple(self._tables)

    async def reseal(self, table: str, after: Any | None, limit: int) -> Resealed:
        rows = self._tables[table]
        key, columns = _key(rows), _sealed_columns(rows)
        query = select(key, *columns).where(or_(*(self._is_old(column) for column in columns)))
        if after is not None:
            query = query.where(key > after)
        moved, broken, last = 0, [], None
        async with self._engine.begin() as connection:
            # Held until they are written back: whoever changes a secret meanwhile comes before or after, never between.
            for row in (await connection.execute(query.order_by(key).limit(limit).with_for_update())).mappings():
                last = row[key.name]
                try:
                    sealed = {
                        column.name: self._again(row[column.name], _place(column, last))
                        for column in columns
                        if row[column.name] is not None
                    }
                except Misconfigured as error:
                    broken.append(f"{table} {last}: {error.code}")
                    continue
                await connection.execute(update(rows).where(key == last).values(**sealed))
                moved += 1
        return Resealed(moved=moved, broken=broken, last=last)

    async def versions(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        async with self._engine.connect() as connection:
            for column in self._columns():
                version = _version(column)
                query = select(version, func.count()).where(column.is_not(None)).group_by(version)
                for name, count in await connection.execute(query):
                    found[_named(name)] = found.get(_named(name), 0) + int(count)
        return found

    async def check_keys(self) -> None:
        """Raise Misconfigured when a key that sealed something is missing (`vault_key_missing`), or is another than the
        one that sealed it (`vault_sealed`).

        A few envelopes of each version are tried. One that opens is enough: a row that somebody has tampered with must
        not keep everybody out.
        """
        tried: dict[str, list[Misconfigured | None]] = {}
        async with self._engine.connect() as connection:
            for column in self._columns():
                key = _key(column.table)
                place_in_version = func.row_number().over(partition_by=_version(column), order_by=key)
                numbered = (
                    select(key.label("key"), column.label("envelope"), place_in_version.label("number"))
                    .where(column.is_not(None))
                    .subquery()
                )
                query = select(numbered.c.key, numbered.c.envelope).where(numbered.c.number <= _SAMPLES)
                for row in await connection.execute(query):
                    outcome = self._problem_with(bytes(row.envelope), _place(column, row.key))
                    tried.setdefault(_version_in(bytes(row.envelope)), []).append(outcome)
        for version, outcomes in tried.items():
            problems = [problem for problem in outcomes if problem is not None]
            if len(problems) == len(outcomes):
                raise problems[0]
            if problems:
                _log.error("sealed_rows_do_not_open", version=version, tried=len(outcomes), closed=len(problems))

    def _problem_with(self, envelope: bytes, place: Place) -> Misconfigured | None:
        try:
            self._vault.open(envelope, place)
        except Misconfigured as error:
            return error
        return None

    def _again(self, envelope: bytes, place: Place) -> bytes:
        return self._vault.seal(self._vault.open(bytes(envelope), place), place)

    def _is_old(self, column: "Column[Any]") -> ColumnElement[bool]:
        prefix = prefix_of(self._vault.newest)
        return and_(column.is_not(None), func.substring(column, 1, len(prefix)) != literal(prefix))

    def _columns(self) -> "Sequence[Column[Any]]":
        return [column for table in self._tables.values() for column in _sealed_columns(table)]


class VaultCheck:
    """A readiness check that has to succeed once: the configured keys open what is stored."""

    def __init__(self, rows: PostgresSealedRows) -> None:
        self._rows = rows
        self._passed = False

    async def if_reachable(self) -> None:
        """The check at the start of a process: a wrong key ends it; a database that is away is asked again later."""
        try:
            await self()
        except (OSError, SQLAlchemyError) as error:
            if not is_connection_failure(error):
                raise
            _log.warning("vault_not_checked_yet", error=type(error).__name__)

    async def __call__(self) -> None:
        if not self._passed:
            await self._rows.check_keys()
            self._passed = True


def _sealed_columns(table: Table) -> "Sequence[Column[Any]]":
    return [column for column in table.columns if column.name.endswith("_sealed")]


def _key(table: Any) -> "Column[Any]":
    (key,) = table.primary_key.columns
    return key  # type: ignore[no-any-return]


def _place(column: "Column[Any]", row: Any) -> Place:
    return Place(table=column.table.name, column=column.name, row=str(row))


def _version(column: "Column[Any]") -> ColumnElement[Any]:
    """The name of the KEK in an envelope, as bytes; what is too short to be one has none."""
    return case((func.length(column) > 2, func.substring(column, 3, func.get_byte(column, 1))), else_=literal(b""))


def _version_in(envelope: bytes) -> str:
    return _named(envelope[2 : 2 + envelope[1]]) if len(envelope) > 2 else _named(b"")


def _named(raw: bytes) -> str:
    return bytes(raw).decode("utf-8", "replace") or "?"
