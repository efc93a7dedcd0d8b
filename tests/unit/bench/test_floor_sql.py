"""The floor must write what the application writes, or it would be faster by doing less."""

from __future__ import annotations

import re

from app.infrastructure.database import idempotency, journal
from app.infrastructure.database.writer import BulkInsert
from app.infrastructure.ordering import repository
from tools.bench.floor_sql import ALL_IN_ONE, COLUMNS, INSERTS

OURS = {
    "orders": repository._INSERT,
    "order_lines": repository._INSERT_LINES,
    "events": journal._EVENTS,
    "outbox": journal._OUTBOX,
    "audit_log": journal._AUDIT,
    "idempotency_keys": idempotency._REMEMBER,
}


def test_the_floor_writes_the_same_tables_and_columns() -> None:
    assert {table: list(columns) for table, columns in COLUMNS.items()} == {
        table: _columns(insert) for table, insert in OURS.items()
    }


def test_each_statement_names_every_column() -> None:
    for table, columns in COLUMNS.items():
        listed = f"INSERT INTO {table} ({', '.join(columns)})"
        assert INSERTS[table].startswith(listed)
        assert listed in ALL_IN_ONE


def _columns(insert: BulkInsert) -> list[str]:
    found = re.search(r"INSERT INTO \w+ \(([^)]*)\)", insert.statement(1))
    assert found
    return [name.strip(' "') for name in found[1].split(",")]
