"""The probes: what readiness asks for, and what only degrades."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import asyncpg
import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.migrations import head_revision
from tests.support.own_database import own_database
from tests.support.system import System


@pytest.fixture
def addresses(addresses: Addresses, database_server: EmbeddedServer) -> Generator[Addresses]:
    """A database without what other tests left behind: figures are of all tenants."""
    with own_database(database_server) as own:
        yield own


def bent(system: System, **probes: Any) -> None:
    """The parts with other probes."""
    parts = system.app.state.parts
    values = {name: getattr(parts, name) for name in parts.__slots__}
    system.app.state.parts = type(parts)(**{**values, "probes": {**parts.probes, **probes}})


def saying(state: Mapping[str, object]) -> Any:
    async def probe() -> Mapping[str, object]:
        return state

    return probe


async def health(system: System) -> dict[str, Any]:
    answer = await system.client.get("/health")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
async def worker(owner: asyncpg.Connection) -> None:
    await owner.execute("DELETE FROM workers")
    await owner.execute("INSERT INTO workers VALUES (gen_random_uuid(), 'api', now(), now())")


async def test_every_part_is_told_of(system: System, worker: None) -> None:
    body = await health(system)
    assert body["status"] == "ok"
    assert {"version", "environment", "database", "cache", "migrations", "workers", "queue", "time"} <= set(body)
    assert body["migrations"] == {"ok": True, "revision": head_revision()}
    assert body["workers"]["alive"] == 1


async def test_without_a_worker_it_is_degraded_and_still_ready(system: System, owner: asyncpg.Connection) -> None:
    await owner.execute("DELETE FROM workers")
    body = await health(system)
    assert (body["status"], body["workers"]) == ("degraded", {"ok": False, "alive": 0, "silent_seconds": None})
    assert (await system.client.get("/health/ready")).status_code == 200


async def test_a_worker_that_fell_silent_is_none(system: System, owner: asyncpg.Connection) -> None:
    await owner.execute("DELETE FROM workers")
    await owner.execute(
        "INSERT INTO workers VALUES (gen_random_uuid(), 'worker', now(), now() - interval '10 minutes')"
    )
    state = (await health(system))["workers"]
    assert (state["ok"], state["alive"]) == (False, 0)
    assert state["silent_seconds"] >= 600


async def test_an_event_that_waits_for_long_degrades(system: System, worker: None, owner: asyncpg.Connection) -> None:
    organizer = await system.organizer()
    await owner.execute(
        "UPDATE outbox SET occurred_at = now() - interval '5 minutes', published_at = NULL WHERE tenant_id = $1",
        organizer.tenant_id,
    )
    try:
        body = await health(system)
    finally:
        await owner.execute("UPDATE outbox SET published_at = now() WHERE tenant_id = $1", organizer.tenant_id)
    assert (body["status"], body["queue"]["ok"]) == ("degraded", False)
    assert body["queue"]["unpublished"] > 0
    assert body["queue"]["oldest_seconds"] >= 300


@pytest.mark.parametrize("revision", ["0001", None])
async def test_a_schema_that_is_behind_keeps_traffic_away_and_is_named(
    system: System, owner: asyncpg.Connection, revision: str | None
) -> None:
    head = head_revision()
    await owner.execute("DELETE FROM alembic_version")
    if revision:
        await owner.execute("INSERT INTO alembic_version VALUES ($1)", revision)
    try:
        answer = await system.client.get("/health/ready")
        state = (await health(system))["migrations"]
    finally:
        await owner.execute("DELETE FROM alembic_version")
        await owner.execute("INSERT INTO alembic_version VALUES ($1)", head)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert f"needs {head}" in answer.json()["detail"]
    assert (revision or "nothing") in answer.json()["detail"]
    assert (state["ok"], state["revision"], state["needed"]) == (False, revision, head)
    assert (await system.client.get("/health/ready")).status_code == 200


async def test_a_schema_that_is_ahead_serves(system: System, owner: asyncpg.Connection) -> None:
    head = head_revision()
    await owner.execute("UPDATE alembic_version SET version_num = '9999'")
    try:
        answer = await system.client.get("/health/ready")
    finally:
        await owner.execute("UPDATE alembic_version SET version_num = $1", head)
    assert answer.status_code == 200


async def test_a_needed_part_that_fails_is_told_in_words_of_ours(system: System) -> None:
    async def broken() -> Mapping[str, object]:
        raise OSError("canary")

    bent(system, database=broken)
    answer = await system.client.get("/health/ready")
    assert (answer.status_code, answer.json()["detail"]) == (503, "The database does not answer; try again shortly.")
    assert (await health(system))["database"] == {"ok": False, "detail": "OSError"}


async def test_a_part_that_is_not_needed_only_degrades(system: System, worker: None) -> None:
    bent(system, broker=saying({"ok": False, "active": "rabbitmq"}))
    body = await health(system)
    assert (body["status"], body["broker"]) == ("degraded", {"ok": False, "active": "rabbitmq"})
    assert (await system.client.get("/health/ready")).status_code == 200
