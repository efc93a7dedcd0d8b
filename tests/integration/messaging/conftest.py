"""A database for each test: queues, leases and schedules belong to everybody, so that neighbours would meet."""

from __future__ import annotations

from collections.abc import Generator
from uuid import UUID, uuid4

import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import leases, postgres_transport, relay, runner
from tests.support.own_database import own_database
from tests.support.peers import EFFECTS
from tests.support.system import System


@pytest.fixture
def addresses(addresses: Addresses, database_server: EmbeddedServer) -> Generator[Addresses]:
    with own_database(database_server, EFFECTS) as own:
        yield own


@pytest.fixture
async def database(system: System) -> Database:
    """Nobody waits for what the start itself did."""
    database = system.application.database
    async with database.transaction(None, role="worker") as connection:
        await connection.execute("UPDATE outbox SET published_at = now()")
    return database


@pytest.fixture
def tenant() -> UUID:
    """Events need no tenant's row, only its id."""
    return uuid4()


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that end soon and pauses that are short."""
    monkeypatch.setattr(leases, "TTL", 1.5)
    monkeypatch.setattr(leases, "EVERY", 0.1)
    monkeypatch.setattr(relay, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(relay, "PACE_SECONDS", 0.0)
    monkeypatch.setattr(postgres_transport, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(postgres_transport, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(runner, "FIRST_PAUSE", 0.001)
