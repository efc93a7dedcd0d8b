"""The catalogue of the real schema, and what the rules say of planted violations."""

from __future__ import annotations

import asyncpg
import pytest

from app.infrastructure.database.addresses import Addresses
from tests.integration.database.schema_rules import RULES, faults

# None of these may depend on the rows that other tests left behind.
PLANTED = {
    "row-level security is enabled and forced": "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY",
    "there is a policy": "DROP POLICY owner_all ON sessions; DROP POLICY tenant_isolation ON sessions",
    "a policy names the role it is for": "CREATE POLICY anyone ON orders USING (false)",
    "what the application sees is the current tenant's": "CREATE POLICY more ON orders TO hello_app USING (true)",
    "keys and unique indexes begin with the tenant": "CREATE UNIQUE INDEX planted ON products (sku) WHERE false",
    "there is a primary key": "ALTER TABLE idempotency_keys DROP CONSTRAINT pk_idempotency_keys",
    "keys between tenants' tables carry the tenant": (
        "CREATE UNIQUE INDEX alone ON orders (id); ALTER TABLE order_lines ADD FOREIGN KEY (order_id) "
        "REFERENCES orders (id)"
    ),
    "the tenant is never null": "CREATE TABLE loose (tenant_id uuid, id uuid)",
    "no view or function steps over the policies": "CREATE VIEW seen AS SELECT * FROM orders",
    "nobody but the owner owns anything": "ALTER TABLE sessions OWNER TO hello_app",
    "everybody's rights are nobody's": "GRANT SELECT ON orders TO PUBLIC",
    "only the named tables belong to no tenant": "CREATE TABLE shared (id uuid PRIMARY KEY)",
}


async def test_every_table_keeps_every_rule(owner: asyncpg.Connection) -> None:
    assert await faults(owner) == {}


@pytest.mark.parametrize("rule", PLANTED)
async def test_each_rule_finds_its_planted_violation(superuser: asyncpg.Connection, rule: str) -> None:
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(PLANTED[rule])
        assert rule in await faults(superuser)
    finally:
        await transaction.rollback()


def test_every_rule_has_a_planted_violation() -> None:
    assert set(PLANTED) >= set(RULES)


ROLES = """
    SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin,
        (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) AS memberships
    FROM pg_roles r WHERE rolname = ANY($1) ORDER BY rolname
"""


async def test_the_three_roles_are_no_more_than_they_must_be(owner: asyncpg.Connection) -> None:
    roles = await owner.fetch(ROLES, ["hello_owner", "hello_app", "hello_worker"])

    assert [tuple(role) for role in roles] == [
        (name, False, False, False, False, False, True, 0) for name in ("hello_app", "hello_owner", "hello_worker")
    ]


@pytest.mark.parametrize("role", ["app", "worker"])
async def test_neither_role_owns_anything_anywhere(owner: asyncpg.Connection, addresses: Addresses, role: str) -> None:
    owned = "SELECT count(*) FROM {} WHERE {} = $1::regrole"
    for table, column in (
        *(("pg_class", "relowner"), ("pg_proc", "proowner"), ("pg_namespace", "nspowner")),
        *(("pg_database", "datdba"), ("pg_type", "typowner")),
    ):
        assert await owner.fetchval(owned.format(table, column), f"hello_{role}") == 0


OVER_AND_OLD = "((status <> 'queued'::text) AND (created_at < (now() - '24:00:00'::interval)))"
_OLD_DELIVERIES = "((status <> 'pending'::text) AND (created_at < (now() - '24:00:00'::interval)))"
WORKER_POLICIES = {
    ("tenants", "worker_sign_in", "r", "true"),
    ("memberships", "worker_sign_in", "r", "true"),
    ("users", "worker_sign_in", "r", "true"),
    ("credentials", "worker_sign_in", "r", "true"),
    ("token_revocations", "worker_polls", "r", "true"),
    ("orders", "worker_expiry", "r", "(status = 'pending'::text)"),
    ("idempotency_keys", "worker_clean_up", "d", "(created_at < (now() - '24:00:00'::interval))"),
    ("idempotency_keys", "worker_clean_up_finds", "r", "true"),
    ("outgoing_messages", "worker_sends", "r", "(status = 'queued'::text)"),
    ("outgoing_messages", "worker_claims", "w", "(status = 'queued'::text)"),
    ("outgoing_messages", "worker_clean_up_finds", "r", OVER_AND_OLD),
    ("outgoing_messages", "worker_clean_up", "d", OVER_AND_OLD),
    ("message_quotas", "worker_limits", "r", "true"),
    ("message_quotas", "worker_counts", "w", "true"),
    ("token_revocations", "worker_clean_up", "d", "(revoked_at < (now() - '24:00:00'::interval))"),
    ("webhook_endpoints", "worker_lanes", "r", "(status = 'active'::text)"),
    ("webhook_endpoints", "worker_probes", "w", "(status = 'active'::text)"),
    ("webhook_deliveries", "worker_claims", "r", "(status = 'pending'::text)"),
    ("webhook_deliveries", "worker_leases", "w", "(status = 'pending'::text)"),
    ("webhook_deliveries", "worker_clean_up", "d", _OLD_DELIVERIES),
    ("webhook_deliveries", "worker_clean_up_finds", "r", _OLD_DELIVERIES),
    ("outbox", "worker_relays", "r", "true"),
    ("outbox", "worker_marks", "w", "true"),
    ("outbox", "worker_clean_up", "d", "(published_at < (now() - '24:00:00'::interval))"),
    ("events", "worker_relays", "r", "true"),
    ("queue_messages", "worker_queues", "*", "true"),
    ("inbox", "worker_clean_up_finds", "r", "true"),
    ("inbox", "worker_clean_up", "d", "(handled_at < (now() - '24:00:00'::interval))"),
    ("dead_letters", "worker_lists", "r", "true"),
    ("dead_letters", "worker_clean_up", "d", "(died_at < (now() - '24:00:00'::interval))"),
    ("jobs", "worker_counts", "r", "true"),
    ("jobs", "worker_clean_up", "d", "(finished_at < (now() - '24:00:00'::interval))"),
    ("leases", "worker_runs", "*", "true"),
    ("workers", "worker_runs", "*", "true"),
    ("schedules", "worker_runs", "*", "true"),
}


async def test_what_crosses_tenants_is_named(owner: asyncpg.Connection) -> None:
    """Another policy for the worker is a decision: it is written down here."""
    rows = await owner.fetch(
        "SELECT polrelid::regclass::text, polname::text, polcmd::text, pg_get_expr(polqual, polrelid) FROM pg_policy "
        "WHERE 'hello_worker'::regrole = ANY(polroles)"
    )
    assert {tuple(row) for row in rows} == WORKER_POLICIES
