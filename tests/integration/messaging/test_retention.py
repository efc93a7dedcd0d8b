"""What is old goes, in chunks; what is young stays, whatever the worker asks for."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import retention as module
from app.infrastructure.messaging.retention import forget_old, kept_days
from app.shared.settings import Settings
from tests.support.owner import rows, value
from tests.support.system import System

KINDS = ("outbox", "inbox", "dead_letters", "jobs")
HOURS = (1, 23, 25, 24 * 6, 24 * 8)
"""Ages of the rows; kept are six of eight days' worth, below."""

FILL = {
    "outbox": """
        WITH e AS (INSERT INTO events (tenant_id, stream_id, version, stream, type, data, metadata, occurred_at)
            SELECT $1, gen_random_uuid(), 1, 'thing', 'x', '{}', '{}', now() RETURNING *)
        INSERT INTO outbox (tenant_id, id, stream_id, version, type, request_id, occurred_at, published_at)
        SELECT tenant_id, gen_random_uuid(), stream_id, 1, 'x', '', now(), now() - make_interval(hours => $2) FROM e
    """,
    "inbox": "INSERT INTO inbox SELECT $1, 'x', gen_random_uuid(), now() - make_interval(hours => $2)",
    "dead_letters": """
        INSERT INTO dead_letters SELECT $1, gen_random_uuid(), 'x', gen_random_uuid(), 'x', 'x', gen_random_uuid(), 1,
            '', '', '', 1, now() - make_interval(hours => $2)
    """,
    "jobs": """
        INSERT INTO jobs (tenant_id, id, command, arguments, caller, actor_id, request_id, status, version, created_at,
            finished_at)
        SELECT $1, gen_random_uuid(), 'x', '', '{}', gen_random_uuid(), '', 'succeeded', 1,
            now() - interval '90 days', now() - make_interval(hours => $2)
    """,
}


async def filled(system: System, database: Database, *ages: int) -> UUID:
    tenant = uuid4()
    for kind in KINDS:
        for age in ages:
            await rows(system, FILL[kind], tenant, age)
    return tenant


async def left(system: System, tenant: UUID) -> dict[str, int]:
    return {kind: await value(system, f"SELECT count(*) FROM {kind} WHERE tenant_id = $1", tenant) for kind in KINDS}


async def test_only_what_is_older_than_its_kind_is_kept_goes(system: System, database: Database) -> None:
    tenant = await filled(system, database, *HOURS)

    gone = await forget_old(database, {"outbox": 7, "inbox": 1, "dead_letters": 30, "jobs": 7})

    assert gone == {"outbox": 1, "inbox": 3, "dead_letters": 0, "jobs": 1}
    assert await left(system, tenant) == {"outbox": 4, "inbox": 2, "dead_letters": 5, "jobs": 4}


async def test_it_goes_in_chunks_until_nothing_old_is_left(
    system: System, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    tenant = await filled(system, database, *[24 * 8] * 7)
    begun = await transactions_of(system)

    assert await forget_old(database, dict.fromkeys(KINDS, 7)) == dict.fromkeys(KINDS, 7)

    assert await left(system, tenant) == dict.fromkeys(KINDS, 0)
    assert await transactions_of(system) - begun >= 3 * len(KINDS)


async def transactions_of(system: System) -> int:
    """How many were begun in this database."""
    found: int = await value(system, "SELECT pg_current_xact_id()::text::bigint")
    return found


async def test_what_has_not_come_to_its_end_stays_however_old_it_is(system: System, database: Database) -> None:
    tenant = await filled(system, database, 24 * 400)
    await rows(system, "UPDATE outbox SET published_at = NULL WHERE tenant_id = $1", tenant)
    await rows(system, "UPDATE jobs SET finished_at = NULL, status = 'queued' WHERE tenant_id = $1", tenant)

    await forget_old(database, dict.fromkeys(KINDS, 7))

    assert await left(system, tenant) == {"outbox": 1, "jobs": 1, "inbox": 0, "dead_letters": 0}


async def test_even_asked_to_the_worker_can_not_clear_away_what_is_younger_than_a_day(
    system: System, database: Database
) -> None:
    tenant = await filled(system, database, *HOURS)

    assert await forget_old(database, dict.fromkeys(KINDS, 0)) == dict.fromkeys(KINDS, 3)

    assert await left(system, tenant) == dict.fromkeys(KINDS, 2)


def test_each_kind_is_kept_as_the_settings_say(settings: Settings) -> None:
    changed = settings.model_copy(
        update={"keep_outbox_days": 2, "keep_inbox_days": 3, "keep_jobs_days": 4, "keep_dead_letters_days": 5}
    )

    assert kept_days(changed) == {"outbox": 2, "inbox": 3, "jobs": 4, "dead_letters": 5}
