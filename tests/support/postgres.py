"""One private PostgreSQL for the test session, shared by all xdist workers, and a database of its own for each.

The server is the embedded one, in a temporary folder, started by the first worker and stopped by the last. The schema
is made once, by bootstrap and Alembic, in a template; a database is a copy of it (about 0.1 s).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator
from pathlib import Path

import asyncpg
import pytest

from app.infrastructure.database.addresses import OWNER, Addresses
from app.infrastructure.database.bootstrap import bootstrap
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.file_locks import FileLock
from app.infrastructure.database.migrations import upgrade_to_head

pytest_plugins = ["tests.support.embedded"]

TEMPLATE = "hello_template"
READY = "hello_template_ready"
CONNECTIONS = 600
TEMPLATE_SECONDS = 120


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedServer]:
    """The session's server; for tests that need a superuser or one more database."""
    server = EmbeddedServer(_session_folder(tmp_path_factory), max_connections=CONNECTIONS)
    server.join()
    yield server
    server.leave()


@pytest.fixture(scope="session")
def addresses(database_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Addresses:
    """This worker's database, at the newest revision, without rows."""
    make_template(database_server, _session_folder(tmp_path_factory))
    return new_database(database_server, f"hello_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")


def make_template(server: EmbeddedServer, folder: Path) -> None:
    """Migrates the template unless a worker has done so; the others wait for it."""
    turn = FileLock(folder / "template.turn")
    assert turn.acquire(wait=TEMPLATE_SECONDS), "another worker has been migrating the template for minutes"
    try:
        if not asyncio.run(_exists(server.superuser_dsn(), READY)):
            bootstrap(server.superuser_dsn(), TEMPLATE)
            upgrade_to_head(server.addresses(TEMPLATE).owner)
            asyncio.run(_execute(server.superuser_dsn(), f"ALTER DATABASE {TEMPLATE} RENAME TO {READY}"))
    finally:
        turn.release()


def new_database(server: EmbeddedServer, name: str) -> Addresses:
    """An empty copy of the template under this name, in place of an older one."""
    asyncio.run(
        _execute(
            server.superuser_dsn(),
            f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
            f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {READY}",
        )
    )
    bootstrap(server.superuser_dsn(), name)
    return server.addresses(name)


def _session_folder(factory: pytest.TempPathFactory) -> Path:
    """xdist gives each worker a folder inside the session's."""
    own = factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "postgres-of-tests"


async def _exists(superuser_dsn: str, database: str) -> bool:
    connection = await asyncpg.connect(superuser_dsn)
    try:
        return await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", database) is True
    finally:
        await connection.close()


async def _execute(superuser_dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(superuser_dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
