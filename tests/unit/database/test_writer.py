from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest
from sqlalchemy import Column, Integer, MetaData, Table
from sqlmodel import SQLModel

from app.infrastructure.catalog.rows import StockPoolRow
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.rows import EventRow
from app.infrastructure.database.writer import BulkAdd, BulkInsert, BulkUpdate, Writes
from app.infrastructure.ordering.rows import OrderRow
from app.shared.errors import ConcurrentChange


def test_an_insert_takes_a_column_as_an_array_and_json_as_text() -> None:
    insert = BulkInsert(EventRow, "tenant_id", "version", "data")

    assert insert.statement(3) == (
        'INSERT INTO events ("tenant_id", "version", "data") SELECT v."tenant_id", v."version", v."data"::jsonb '
        'FROM unnest($3::UUID[], $4::INTEGER[], $5::text[]) AS v("tenant_id", "version", "data")'
    )


def test_an_update_finds_its_row_by_tenant_id_and_loaded_version() -> None:
    update = BulkUpdate(OrderRow, "status", "version").statement(1)

    assert update.startswith('UPDATE orders AS t SET "status" = v.new_status, "version" = v.new_version FROM')
    assert update.endswith("WHERE t.tenant_id = v.tenant_id AND t.id = v.id AND t.version = v.loaded")


def test_counters_are_added_to_so_that_the_database_judges_the_sum() -> None:
    assert "SET held = t.held + v.held, sold = t.sold + v.sold FROM" in BulkAdd(StockPoolRow, "held", "sold").statement(
        1
    )


@dataclass
class Wire:
    """A connection that answers every statement with these counts."""

    counts: dict[str, int]
    sent: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)

    async def fetchrow(self, query: str, *args: object) -> dict[str, int]:
        self.sent.append((query, args))
        return self.counts


def writes_over(wire: Wire) -> Writes:
    return Writes(cast(Connection, wire))


INSERT, UPDATE = BulkInsert(OrderRow, "id", "number"), BulkUpdate(OrderRow, "status")


async def test_all_of_a_commit_is_one_statement() -> None:
    wire = Wire({"w1": 1})
    writes = writes_over(wire)
    writes.add(INSERT, [(1, "a"), (2, "b")])
    writes.add(UPDATE, [("tenant", 3, 1, "confirmed")])
    await writes.send()
    await writes.send()

    [(statement, arguments)] = wire.sent
    assert statement.count("$") == len(arguments) == INSERT.width + UPDATE.width
    assert statement.endswith("RETURNING 1) SELECT (SELECT count(*) FROM w1) AS w1")
    assert arguments == ([1, 2], ["a", "b"], ["tenant"], [3], [1], ["confirmed"])


async def test_a_row_that_is_no_longer_as_it_was_loaded_is_a_rivals_change() -> None:
    writes = writes_over(Wire({"w0": 1}))
    writes.add(UPDATE, [("tenant", 3, 1, "confirmed"), ("tenant", 4, 1, "confirmed")])

    with pytest.raises(ConcurrentChange):
        await writes.send()


async def test_no_rows_are_no_round_trip() -> None:
    wire = Wire({})
    writes = writes_over(wire)
    writes.add(INSERT, [])
    writes.add(UPDATE, [])
    await writes.send()

    assert wire.sent == []


class _Untenanted(SQLModel):
    __table__ = Table(
        "untenanted",
        MetaData(),
        *(Column(name, Integer, primary_key=name == "id") for name in ("id", "tenant_id", "version")),
    )


def test_a_table_without_tenant_in_its_key_can_not_be_updated_in_bulk() -> None:
    with pytest.raises(TypeError, match="untenanted has no tenant in its key"):
        BulkUpdate(_Untenanted, "version")
    with pytest.raises(TypeError, match="untenanted has no tenant in its key"):
        BulkAdd(_Untenanted, "version")
