"""Statements that take long are told of: what was asked, never with what."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from structlog.testing import capture_logs

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.pool import Database
from app.infrastructure.database.slow_statements import LONGEST_TEXT
from app.infrastructure.observability.catalogue import SLOW_STATEMENTS
from app.infrastructure.observability.tally import Tally
from app.shared.errors import Unavailable
from app.shared.settings import Settings

CANARY = "canary-4f1d0f2e"


@pytest.fixture
def tally() -> Tally:
    return Tally(None)


@pytest.fixture
async def database(settings: Settings, addresses: Addresses, tally: Tally) -> AsyncGenerator[Database]:
    database = Database(addresses, settings.model_copy(update={"slow_query_ms": 40}), tally)
    await database.open()
    yield database
    await database.close()


def slow(tally: Tally, role: str) -> float:
    return tally.values[tally.slots(SLOW_STATEMENTS.name, (role,))]


@pytest.mark.parametrize("method", ["execute", "fetch", "fetchrow", "fetchval"])
async def test_a_slow_statement_is_logged_without_its_parameters_and_counted(
    database: Database, tally: Tally, method: str
) -> None:
    async with database.transaction(None, role="worker") as connection:
        with capture_logs() as said:
            await getattr(connection, method)("SELECT $1::text,\n    pg_sleep(0.05)", CANARY)
    (line,) = said
    assert line.pop("duration_ms") >= 40
    assert line == {
        "event": "slow_statement",
        "log_level": "warning",
        "role": "worker",
        "statement": "SELECT $1::text, pg_sleep(0.05)",
    }
    assert (slow(tally, "worker"), slow(tally, "app")) == (1, 0)


async def test_quick_statements_are_not_worth_a_line(settings: Settings, addresses: Addresses) -> None:
    database = Database(addresses, settings.model_copy(update={"slow_query_ms": 60_000}))
    await database.open()
    try:
        with capture_logs() as said:
            async with database.transaction(None) as connection:
                assert await connection.fetchval("SELECT $1::int", 2) == 2
    finally:
        await database.close()
    assert said == []


async def test_a_statement_that_fails_after_a_while_is_slow_too(database: Database) -> None:
    with capture_logs() as said, pytest.raises(Exception, match="division by zero"):
        async with database.transaction(None) as connection:
            await connection.execute("DO $$ BEGIN PERFORM pg_sleep(0.05); PERFORM 1/0; END $$")
    assert [line["event"] for line in said] == ["slow_statement"]


async def test_an_endless_statement_is_cut(database: Database) -> None:
    async with database.transaction(None) as connection:
        with capture_logs() as said:
            await connection.execute(f"SELECT pg_sleep(0.05) /* {'x' * 5_000} */")
    assert len(said[0]["statement"]) == LONGEST_TEXT


async def test_the_gauges_of_a_pool_return_to_nothing(settings: Settings, addresses: Addresses, tally: Tally) -> None:
    away = Addresses(app="postgresql://x@127.0.0.1:1/x", worker=addresses.worker, read=addresses.read)
    database = Database(away, settings, tally)
    await database.open()
    try:
        with pytest.raises(Unavailable):
            async with database.transaction(None):
                pytest.fail("there is no server")
        with pytest.raises(ZeroDivisionError):
            async with database.transaction(None, role="worker"):
                raise ZeroDivisionError
        for role in ("app", "worker", "read"):
            for name in ("gauge:hello_database_connections_in_use", "gauge:hello_database_connections_awaited"):
                assert tally.values[tally.slots(name, (role,))] == 0
    finally:
        await database.close()
