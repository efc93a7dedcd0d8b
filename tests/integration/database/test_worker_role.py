"""The role that crosses tenants: it reads what its policies name, and clears away what is old."""

from __future__ import annotations

import asyncpg
import pytest

from app.infrastructure.database.clean_up import clean_up
from tests.integration.database.test_row_level_security import DENIED, fill
from tests.support.system import Organizer, System


@pytest.mark.parametrize(
    "statement",
    [
        *(f"SELECT 1 FROM {table}" for table in ("products", "stock_pools", "audit_log", "sessions")),
        "SELECT customer_email FROM orders",
        "SELECT body FROM idempotency_keys",
        "SELECT key FROM idempotency_keys",
        "SELECT arguments FROM jobs",
        "UPDATE events SET data = '{}'",
        "UPDATE outbox SET stream_id = id",
        "INSERT INTO outbox (tenant_id, id) SELECT tenant_id, id FROM outbox",
        "INSERT INTO inbox SELECT * FROM inbox",
        "UPDATE dead_letters SET reason = ''",
        "UPDATE queue_messages SET body = ''",
        "UPDATE orders SET status = 'expired'",
        "UPDATE memberships SET role = 'owner'",
        "UPDATE credentials SET password_hash = 'x'",
        "DELETE FROM orders",
        "INSERT INTO token_revocations SELECT * FROM token_revocations",
        "SET ROLE hello_app",
    ],
)
async def test_the_worker_may_not(system: System, statement: str) -> None:
    with pytest.raises(DENIED):
        async with system.application.database.transaction(None, role="worker") as connection:
            await connection.execute(statement)


async def test_of_orders_the_worker_sees_the_pending_ones_only(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    pending, confirmed = [(await system.place(organizer.owner, product.id)).json()["id"] for _ in range(2)]
    await system.client.post(f"/api/v1/orders/{confirmed}/confirm", headers=organizer.owner.headers)

    async with system.application.database.transaction(None, role="worker") as connection:
        rows = await connection.fetch("SELECT id FROM orders WHERE tenant_id = $1", organizer.tenant_id)

    assert [str(row["id"]) for row in rows] == [pending]


async def test_a_clean_up_takes_what_is_older_than_a_day(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    await fill(system, organizer)
    await clean_up(system.application.database)
    kept = "SELECT (SELECT count(*) FROM idempotency_keys WHERE tenant_id = $1), (SELECT count(*) FROM token_revocations WHERE tenant_id = $1)"  # noqa: E501 — one query
    assert tuple(await owner.fetchrow(kept, organizer.tenant_id)) == (1, 1)
    for table, column in (("idempotency_keys", "created_at"), ("token_revocations", "revoked_at")):
        await owner.execute(
            f"UPDATE {table} SET {column} = now() - interval '25 hours' WHERE tenant_id = $1", organizer.tenant_id
        )

    assert await clean_up(system.application.database) == 2
    assert tuple(await owner.fetchrow(kept, organizer.tenant_id)) == (0, 0)


async def test_a_clean_up_takes_a_few_rows_at_a_time_until_none_is_left(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    await clean_up(system.application.database)
    await owner.execute(
        """
        INSERT INTO token_revocations (tenant_id, id, kind, subject_id, revoked_at)
        SELECT $1, gen_random_uuid(), 'session', gen_random_uuid(), now() - make_interval(hours => 30, secs => n / 2)
        FROM generate_series(1, 25) n
        """,
        organizer.tenant_id,
    )
    before = await owner.fetchval("SELECT pg_current_xact_id()::text::bigint")

    assert await clean_up(system.application.database, at_once=10) == 25

    assert await owner.fetchval("SELECT pg_current_xact_id()::text::bigint") - before >= 1 + 3, "one transaction each"
    kept = "SELECT count(*) FROM token_revocations WHERE tenant_id = $1 AND kind = 'session'"
    assert await owner.fetchval(kept, organizer.tenant_id) == 0


async def test_even_asked_to_the_worker_can_not_clear_away_what_is_young(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    await fill(system, organizer)

    async with system.application.database.transaction(None, role="worker") as connection:
        await connection.execute("DELETE FROM idempotency_keys")
        await connection.execute("DELETE FROM token_revocations")

    for table in ("idempotency_keys", "token_revocations"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", organizer.tenant_id) == 1
