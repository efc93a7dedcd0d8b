"""Rivals in a chosen order: a row is held, they queue up behind it one after the other, and it is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tests.support.system import System

_WAITING = """
    SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted
    AND (transactionid = pg_current_xact_id_if_assigned()::xid
        OR database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
"""The first rival waits for the holder's transaction, the others for the row. pg_stat_activity would stand still."""
PATIENCE = 10


@asynccontextmanager
async def held(system: System, sql: str, *arguments: Any) -> AsyncGenerator[asyncpg.Connection]:
    """The rows `sql` locks, held by the owner's role for as long as the block runs."""
    connection = await asyncpg.connect(system.addresses.owner)
    try:
        async with connection.transaction():
            await connection.fetch(sql, *arguments)
            yield connection
    finally:
        await connection.close()


async def in_turn(system: System, rivals: Sequence[Coroutine[Any, Any, Any]], lock: str, *arguments: Any) -> list[Any]:
    """Starts each rival once the one before waits for the row; answers with their results when all are through."""
    async with held(system, lock, *arguments) as connection:
        tasks = []
        for count, rival in enumerate(rivals, 1):
            tasks.append(asyncio.create_task(rival))
            async with asyncio.timeout(PATIENCE):
                while await connection.fetchval(_WAITING) < count:
                    await connection.execute("SELECT pg_sleep(0.005)")  # PostgreSQL has no event for this
    return list(await asyncio.gather(*tasks))
