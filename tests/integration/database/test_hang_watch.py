"""A server that answers nothing is found out; one that is only slow is left in peace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from app.infrastructure.database import hang_watch
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.pool import Database
from app.shared.errors import Unavailable
from app.shared.settings import Settings
from tests.support.embedded import postmaster

pytestmark = pytest.mark.faults

SECONDS = 20.0


@pytest.fixture
async def database(embedded_server: EmbeddedServer, settings: Settings) -> AsyncGenerator[Database]:
    small = settings.model_copy(update={"database_pool_size": 1, "max_overflow": 0, "pool_timeout": 60.0})
    database = Database(embedded_server.addresses(), small)
    await database.open()
    yield database
    await database.close()


async def asked(database: Database, statement: str = "SELECT 1") -> object:
    async with database.transaction(None) as connection:
        return await connection.fetchval(statement)


async def answers(database: Database) -> bool:
    try:
        return await asked(database) == 1
    except Unavailable:
        return False


async def test_nobody_waits_for_a_server_that_hangs(embedded_server: EmbeddedServer, database: Database) -> None:
    """Neither who has the only connection, nor who waits for it, nor who comes later; and it is found again."""
    await asked(database)
    first = postmaster(embedded_server._data_dir)
    processes = [first, *first.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        async with asyncio.timeout(SECONDS):
            waiting = await asyncio.gather(asked(database), asked(database), return_exceptions=True)
            later = await asyncio.gather(asked(database), return_exceptions=True)
    finally:
        for process in processes:
            process.resume()
    assert [type(outcome) for outcome in (*waiting, *later)] == [Unavailable] * 3
    async with asyncio.timeout(SECONDS):
        while not await answers(database):  # noqa: ASYNC110 — nobody tells
            await asyncio.sleep(0.05)


async def test_a_slow_statement_is_no_reason_to_give_up(database: Database) -> None:
    seconds = hang_watch.LONG + 3 * hang_watch.EVERY
    assert await asked(database, f"SELECT 1 FROM pg_sleep({seconds})") == 1


async def test_a_server_that_refuses_does_not_hang(embedded_server: EmbeddedServer) -> None:
    nobody = embedded_server.addresses().app.replace("hello_app@", "nobody_of_this_name@")
    assert await hang_watch.HangWatch(nobody)._answers()
    assert await hang_watch.HangWatch("postgresql://hello_app@/hello_ticket?host=/nowhere/at/all")._answers()
