"""Multi-row statements made from the SQLModel tables, and all of a commit's sent as one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

from app.infrastructure.database.connection import Connection
from app.shared.errors import ConcurrentChange

Values = tuple[object, ...]
EVENT_VERSIONS = "pk_events"
_DIALECT: Any = postgresql.dialect  # SQLAlchemy leaves it untyped


class Bulk(Protocol):
    """One multi-row statement; `every_row` says that each row given must be found and changed."""

    width: int
    every_row: bool

    def statement(self, first: int) -> str:
        """With parameters numbered from `first`."""
        ...


def _table(row: type[SQLModel]) -> Table:
    table: Table = row.__table__  # type: ignore[attr-defined]
    return table


def _array(column: Column[Any]) -> str:
    name = column.type.compile(dialect=_DIALECT())
    return "text[]" if name == "JSONB" else f"{name}[]"


def _cast(column: Column[Any], source: str) -> str:
    return f"{source}::jsonb" if isinstance(column.type, postgresql.JSONB) else source


def _unnest(columns: Sequence[Column[Any]], first: int) -> str:
    return ", ".join(f"${number}::{_array(column)}" for number, column in enumerate(columns, first))


class BulkInsert:
    """`INSERT … SELECT FROM unnest(…)` of the named columns, in that order; JSON goes in as text."""

    every_row = False

    def __init__(self, row: type[SQLModel], *names: str) -> None:
        self._table = _table(row)
        self._columns = [self._table.c[name] for name in names]
        self.width = len(names)

    def statement(self, first: int) -> str:
        listed = ", ".join(f'"{column.name}"' for column in self._columns)
        picked = ", ".join(_cast(column, f'v."{column.name}"') for column in self._columns)
        source = f"unnest({_unnest(self._columns, first)}) AS v({listed})"
        return f"INSERT INTO {self._table.name} ({listed}) SELECT {picked} FROM {source}"  # noqa: S608 — names come from the tables' own definitions


class BulkUpdate:
    """Sets `names` where tenant, id and version are the ones loaded.

    Rows are `(tenant_id, id, loaded version, *values)`; a `version` among the values is the new one.
    """

    every_row = True

    def __init__(self, row: type[SQLModel], *names: str, id_column: str = "id") -> None:
        table = _tenants_own(row)
        values = [table.c[name] for name in names]
        self._columns = [table.c["tenant_id"], table.c[id_column], table.c["version"], *values]
        self.width = len(self._columns)
        assignments = ", ".join(f'"{column.name}" = {_cast(column, f"v.new_{column.name}")}' for column in values)
        aliases = ", ".join(["tenant_id", "id", "loaded", *(f"new_{column.name}" for column in values)])
        self._before = f"UPDATE {table.name} AS t SET {assignments} FROM unnest("  # noqa: S608 — names come from the tables' own definitions
        self._after = (
            f") AS v({aliases}) WHERE t.tenant_id = v.tenant_id AND t.{id_column} = v.id AND t.version = v.loaded"
        )

    def statement(self, first: int) -> str:
        return f"{self._before}{_unnest(self._columns, first)}{self._after}"


class BulkAdd:
    """Adds to the named counters of rows that are locked: rows are `(tenant_id, id, *differences)`."""

    every_row = True

    def __init__(self, row: type[SQLModel], *names: str) -> None:
        self._table = _tenants_own(row)
        self._columns = [self._table.c[name] for name in ("tenant_id", "id", *names)]
        self._names = names
        self.width = len(self._columns)

    def statement(self, first: int) -> str:
        sums = ", ".join(f"{name} = t.{name} + v.{name}" for name in self._names)
        source = f"unnest({_unnest(self._columns, first)}) AS v(tenant_id, id, {', '.join(self._names)})"
        return (
            f"UPDATE {self._table.name} AS t SET {sums} FROM {source} WHERE t.tenant_id = v.tenant_id AND t.id = v.id"  # noqa: S608 — names come from the tables' own definitions
        )


def _tenants_own(row: type[SQLModel]) -> Table:
    table = _table(row)
    if "tenant_id" not in table.primary_key.columns:
        raise TypeError(f"{table.name} has no tenant in its key")
    return table


class Writes:
    """What a commit writes, sent as one statement: the round trips of an order are what its locks wait for.

    Parts don't see each other's rows (PostgreSQL, "Data-Modifying Statements in WITH"); foreign keys are checked when
    all of them are done. `connection` is for what can't wait or needs another form.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._parts: list[tuple[Bulk, Sequence[Values]]] = []

    def add(self, bulk: Bulk, rows: Sequence[Values]) -> None:
        if rows:
            self._parts.append((bulk, rows))

    async def send(self) -> None:
        """Raises ConcurrentChange when a row is no longer at the version that was loaded."""
        if not self._parts:
            return
        parts, self._parts = self._parts, []
        statement = _one_statement(tuple(bulk for bulk, _ in parts))
        columns = [list(column) for _, rows in parts for column in zip(*rows, strict=True)]
        try:
            changed = await self.connection.fetchrow(statement, *columns)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == EVENT_VERSIONS:  # a rival's event has this version already
                raise _changed_meanwhile() from error
            raise
        wanted = [len(rows) for bulk, rows in parts if bulk.every_row]
        if changed is not None and wanted != list(changed.values()):
            raise _changed_meanwhile()


def _changed_meanwhile() -> ConcurrentChange:
    return ConcurrentChange("Someone else changed this meanwhile; load it again and repeat the change.")


@lru_cache(maxsize=256)
def _one_statement(bulks: tuple[Bulk, ...]) -> str:
    first, parts, counts = 1, list[str](), list[str]()
    for number, bulk in enumerate(bulks):
        returning = " RETURNING 1" if bulk.every_row else ""
        parts.append(f"w{number} AS ({bulk.statement(first)}{returning})")
        if bulk.every_row:
            counts.append(f"(SELECT count(*) FROM w{number}) AS w{number}")  # noqa: S608 — a number
        first += bulk.width
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts)}"
