"""Raw SQL over the application's own pool, without any filter of ours: the database alone keeps tenants apart."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.application.tenancy.contracts import Role
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.pool import Database
from app.shared.settings import Settings
from tests.integration.database.schema_rules import tenant_tables
from tests.support import messages
from tests.support.images import show_image
from tests.support.letters import buried
from tests.support.system import Organizer, System, running
from tests.support.webhook_things import webhook_things

DENIED = asyncpg.InsufficientPrivilegeError
UNREADABLE = {"message_quotas", "outbox", "queue_messages", "token_revocations"}
"""The application may not read these, not even its own tenant's."""
CHANGEABLE = {
    *("branding", "outgoing_messages", "memberships", "sessions", "stock_pools", "products", "orders"),
    *("dead_letters", "webhook_endpoints", "webhook_deliveries"),
}
ERASABLE = {"suppressions", "memberships", "stock_pools", "products", "dead_letters", "files"}
NOT_ITS_OWN = {"queue_messages"}
"""The relay's alone."""

MACHINERY = """
    INSERT INTO queue_messages (tenant_id, subscriber, message_id, partition, body)
    SELECT tenant_id, 'mail', id, partition, 'x' FROM outbox WHERE tenant_id = $1;
    INSERT INTO inbox (tenant_id, subscriber, message_id) SELECT tenant_id, 'mail', id FROM outbox WHERE tenant_id = $1;
    INSERT INTO webhook_attempts (tenant_id, id, delivery_id, started_at, duration_ms, response_headers, response_body)
    SELECT tenant_id, id, id, now(), 1, '[]', '' FROM webhook_deliveries WHERE tenant_id = $1
"""
"""What workers leave behind."""


OWN_COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
"""
"""Those that the database does not fill in by itself."""


@dataclass
class Two:
    """A has a row in every table; B is somebody else's tenant, or none."""

    database: Database
    a: UUID
    b: UUID | None
    owner: asyncpg.Connection

    async def as_b(self, sql: str, *values: object) -> list[Any]:
        async with self.database.transaction(self.b) as connection:
            assert await connection.fetchval("SELECT current_user::text") == "hello_app"
            return await connection.fetch(sql, *values)


async def fill(system: System, organizer: Organizer) -> None:
    """A row of the tenant in every table."""
    buyer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    product = await system.product(organizer, capacity=5)
    key: dict[str, Any] = {"Idempotency-Key": "one"}
    await messages.suppression(system, organizer)
    look = await system.client.patch("/api/v1/settings/branding", json={"footer": "A"}, headers=organizer.owner.headers)
    assert look.status_code == 200
    placed = await system.place(buyer, product.id, **key)
    assert placed.status_code == 201
    queued = await system.place(buyer, product.id, Prefer="respond-async")
    assert queued.status_code == 202
    await show_image(system, organizer, product.id)
    await webhook_things(system, organizer)
    await buried(system, organizer.tenant_id)
    connection = await asyncpg.connect(system.addresses.owner)
    try:
        for statement in MACHINERY.split(";"):
            await connection.execute(statement, organizer.tenant_id)
    finally:
        await connection.close()
    left = await system.client.post("/api/v1/auth/logout", headers=buyer.headers)
    assert left.status_code == 204


@pytest.fixture(params=["another tenant", "no tenant"])
async def two(
    system: System, organizer: Organizer, other: Organizer, owner: asyncpg.Connection, request: pytest.FixtureRequest
) -> Two:
    await fill(system, organizer)
    b = other.tenant_id if request.param == "another tenant" else None
    return Two(system.application.database, organizer.tenant_id, b, owner)


async def count(connection: Connection, table: str, tenant_id: UUID) -> int:
    return int(await connection.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant_id))


async def test_a_has_something_to_steal_in_every_table(two: Two) -> None:
    tables = await tenant_tables(two.owner)
    assert len(tables) >= 11
    for table in tables:
        assert await count(two.owner, table, two.a) > 0, table


async def test_b_sees_nothing_of_a_in_any_table(two: Two) -> None:
    for table in await tenant_tables(two.owner):
        if table in UNREADABLE:
            with pytest.raises(DENIED):
                await two.as_b(f"SELECT count(*) FROM {table}")
            continue
        [everything] = await two.as_b(
            f"SELECT count(*) FILTER (WHERE tenant_id IS DISTINCT FROM $1) FROM {table}", two.b
        )
        [asked_for] = await two.as_b(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", two.a)
        assert (everything[0], asked_for[0]) == (0, 0), table


async def test_b_sees_no_account_and_no_tenant_but_its_own(two: Two) -> None:
    strangers = await two.owner.fetch("SELECT user_id FROM memberships WHERE tenant_id = $1", two.a)
    ids = [row["user_id"] for row in strangers]
    assert ids
    assert await two.as_b("SELECT id FROM users WHERE id = ANY($1)", ids) == []
    assert await two.as_b("SELECT user_id FROM credentials WHERE user_id = ANY($1)", ids) == []
    assert [row["id"] for row in await two.as_b("SELECT id FROM tenants")] == ([two.b] if two.b else [])
    assert await two.as_b("UPDATE users SET full_name = 'x' WHERE id = ANY($1) RETURNING id", ids) == []
    stolen = "UPDATE credentials SET password_hash = 'x' WHERE user_id = ANY($1) RETURNING user_id"
    assert await two.as_b(stolen, ids) == []


async def test_b_can_not_write_a_row_for_a(two: Two) -> None:
    for table in await tenant_tables(two.owner):
        row = await two.owner.fetchval(f"SELECT to_jsonb(t) FROM {table} t WHERE tenant_id = $1 LIMIT 1", two.a)
        columns = await two.owner.fetchval(OWN_COLUMNS, table)
        with pytest.raises(DENIED, match=None if table in NOT_ITS_OWN else "row-level security"):
            await two.as_b(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, $1)", row
            )


async def test_b_can_not_change_or_take_away_a_row_of_a(two: Two) -> None:
    for table in await tenant_tables(two.owner):
        before = await count(two.owner, table, two.a)
        change = f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = '{two.a}'"
        if table in CHANGEABLE:
            assert await _tag(two, change) == "UPDATE 0"
        else:
            with pytest.raises(DENIED):
                await _tag(two, change)
        if table in ERASABLE:
            assert await _tag(two, f"DELETE FROM {table} WHERE tenant_id = '{two.a}'") == "DELETE 0"
        else:
            with pytest.raises(DENIED):
                await _tag(two, f"DELETE FROM {table} WHERE tenant_id = '{two.a}'")
        assert await count(two.owner, table, two.a) == before


async def _tag(two: Two, statement: str) -> str:
    async with two.database.transaction(two.b) as connection:
        return await connection.execute(statement)


async def test_a_row_of_ones_own_can_not_be_given_away(system: System, organizer: Organizer, other: Organizer) -> None:
    await fill(system, other)
    for table in sorted(CHANGEABLE):
        with pytest.raises(DENIED, match="row-level security"):
            async with system.application.database.transaction(other.tenant_id) as connection:
                await connection.execute(f"UPDATE {table} SET tenant_id = $1", organizer.tenant_id)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM credentials",
        "UPDATE users SET email = 'x'",
        "UPDATE users SET is_superuser = true",
        "DELETE FROM users",
        "UPDATE events SET type = 'x'",
        "DELETE FROM events",
        "TRUNCATE events",
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "UPDATE idempotency_keys SET status = 200",
        "DELETE FROM orders",
        "UPDATE order_lines SET quantity = 1",
        "SET ROLE hello_worker",
        "SET ROLE hello_owner",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (x int)",
    ],
)
async def test_the_application_may_not(system: System, organizer: Organizer, statement: str) -> None:
    with pytest.raises(DENIED):
        async with system.application.database.transaction(organizer.tenant_id) as connection:
            await connection.execute(statement)


@pytest.fixture
async def opened_up(settings: Settings, scratch: Addresses) -> AsyncGenerator[System]:
    async with running(settings, scratch) as system:
        yield system


async def test_without_the_policies_the_same_queries_do_see_rows(
    opened_up: System, superuser: asyncpg.Connection
) -> None:
    """The twin: in a scratch database row-level security is switched off, and everything above would fail."""
    organizer, other = await opened_up.organizer(), await opened_up.organizer()
    await fill(opened_up, organizer)
    tables = await tenant_tables(superuser)
    two = Two(opened_up.application.database, organizer.tenant_id, other.tenant_id, superuser)
    for table in set(tables) - UNREADABLE:
        sql = f"SELECT count(*) FROM {table} WHERE tenant_id = $1"
        assert (await two.as_b(sql, two.a))[0][0] == 0
        await superuser.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        try:
            assert (await two.as_b(sql, two.a))[0][0] > 0, table
            if table in CHANGEABLE:
                assert (
                    await _tag(two, f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = '{two.a}'")
                    != "UPDATE 0"
                )
        finally:
            await superuser.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


async def test_force_binds_the_owner_too(opened_up: System, superuser: asyncpg.Connection, scratch: Addresses) -> None:
    """The twin of FORCE: the owner lives by its named policy; without FORCE it would not even need one."""
    await fill(opened_up, await opened_up.organizer())
    as_owner = await asyncpg.connect(scratch.owner)
    try:
        await superuser.execute("DROP POLICY owner_all ON orders")
        assert await as_owner.fetchval("SELECT count(*) FROM orders") == 0
        await superuser.execute("ALTER TABLE orders NO FORCE ROW LEVEL SECURITY")
        assert await as_owner.fetchval("SELECT count(*) FROM orders") > 0
    finally:
        await superuser.execute("ALTER TABLE orders FORCE ROW LEVEL SECURITY")
        await superuser.execute("CREATE POLICY owner_all ON orders TO hello_owner USING (true) WITH CHECK (true)")
        await as_owner.close()
