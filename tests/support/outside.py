"""Connections above or beside the application's own, for tests that look from outside or take a guard away."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import asyncpg
import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from tests.support.postgres import new_database


@pytest.fixture
async def owner(addresses: Addresses) -> AsyncGenerator[asyncpg.Connection]:
    """As the role that migrates, which sees every row."""
    connection = await asyncpg.connect(addresses.owner)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def scratch(database_server: EmbeddedServer, addresses: Addresses) -> Addresses:
    """One more database of the newest revision, for tests that take a guard away."""
    return new_database(database_server, f"{addresses.app.split('/')[3].partition('?')[0]}_scratch")


@pytest.fixture
async def superuser(database_server: EmbeddedServer, scratch: Addresses) -> AsyncGenerator[asyncpg.Connection]:
    """Above every rule, in the scratch database."""
    name = scratch.app.split("/")[3].partition("?")[0]
    connection = await asyncpg.connect(database_server.superuser_dsn(), database=name)
    yield connection
    await connection.close()
