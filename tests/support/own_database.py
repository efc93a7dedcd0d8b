"""A database for one test: what all tenants share there, such as queues and schedules, is nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from uuid import uuid4

import asyncpg

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from tests.support.postgres import new_database


@contextmanager
def own_database(server: EmbeddedServer, *statements: str) -> Generator[Addresses]:
    """A copy of the template, which a session's `addresses` has made by then."""
    name = f"own_{uuid4().hex}"
    addresses = new_database(server, name)
    for statement in statements:
        asyncio.run(_execute(addresses.owner, statement))
    yield addresses
    asyncio.run(_execute(server.superuser_dsn(), f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
