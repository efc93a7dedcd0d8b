"""Tenant B reads, lists, changes and guesses what tenant A has, on every route, with bodies that are valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from app.application.tenancy.contracts import Role
from app.shared.ids import TenantId
from tests.api.calls import Operation, Things, call, operations
from tests.support import messages
from tests.support.system import Organizer, Person, System

MARK = "only-for-a"
WAYS_IN = frozenset({"register", "join_tenant", "login", "issue_token"})
"""With A's header these write to A on purpose: an account, a membership, a failed sign-in's audit row."""
SCHEMA_TABLES = """
    SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS own
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
    ORDER BY c.relname
"""
OF_MEMBERS = "IN (SELECT user_id FROM memberships WHERE tenant_id = $1)"
GLOBAL = {"tenants": "id = $1", "users": f"id {OF_MEMBERS}", "credentials": f"user_id {OF_MEMBERS}"}
GLOBAL |= dict.fromkeys(("leases", "workers", "schedules"), "$1::uuid IS NULL")  # nobody's

Snapshot = Mapping[str, list[str]]


async def snapshot(system: System, tenant_id: TenantId) -> Snapshot:
    """Every row of the tenant in every table, as the role that owns them sees it."""
    connection = await asyncpg.connect(system.addresses.owner)
    try:
        found: dict[str, list[str]] = {}
        for table, own in await connection.fetch(SCHEMA_TABLES):
            rule = "tenant_id = $1" if own else GLOBAL[table]
            sql = f"SELECT to_jsonb(t)::text FROM {table} t WHERE {rule} ORDER BY 1"
            found[table] = [row[0] for row in await connection.fetch(sql, tenant_id)]
        return found
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Stage:
    """A with one of everything, and B, who knows all of A's ids and the cursors of its lists."""

    a: Organizer
    b: Organizer
    things: Things
    cursors: tuple[str, ...]
    secrets: tuple[str, ...]
    """What an answer to B must not hold: names, addresses and ids that B does not send."""


async def stage_for(system: System) -> Stage:
    a, b = await system.organizer(), await system.organizer()
    buyer = await system.person(a.tenant_id, Role.CUSTOMER)
    for number in range(2):
        product = await system.product(a, sku=f"{MARK}-{number}", name=f"{MARK} {number}", capacity=10)
        order = (await system.place(buyer, product.id)).json()
    things = Things(
        tenant_id=a.tenant_id,
        product_id=product.id,
        order_id=UUID(order["id"]),
        user_id=buyer.user_id,
        message_id=await messages.sent_message(system, a),
        suppression_id=await messages.suppression(system, a),
    )
    lists = [operation for operation in operations(system.app) if "{" not in operation.path and _listed(operation)]
    cursors = [
        (await call(system, operation, things, a.owner, a.owner.headers, limit="1")).json()["next_cursor"]
        for operation in lists
    ]
    secrets = (MARK, buyer.email, a.owner.email, order["number"], str(a.owner.user_id))
    return Stage(a, b, things, tuple(cursor for cursor in cursors if cursor), secrets)


def _listed(operation: Operation) -> bool:
    return operation.id.startswith("list_")


async def probe(system: System, stage: Stage, operation: Operation, headers: dict[str, str]) -> list[httpx.Response]:
    """The plain call, and each of A's cursors where the operation takes one."""
    visitor = await system.person(stage.b.tenant_id, Role.OWNER)
    sent = visitor.headers | headers
    answers = [await call(system, operation, stage.things, visitor, sent)]
    if _listed(operation):
        answers += [
            await call(system, operation, stage.things, visitor, sent, cursor=cursor, limit="1")
            for cursor in stage.cursors
        ]
    return answers


@pytest.mark.parametrize("named", ["no header", "slug of A", "id of A"])
async def test_b_gets_nothing_of_a_and_changes_nothing_there(system: System, named: str) -> None:
    stage = await stage_for(system)
    assert len(stage.cursors) >= 3
    header = {"no header": None, "slug of A": stage.a.slug, "id of A": str(stage.a.tenant_id)}[named]
    before = await snapshot(system, stage.a.tenant_id)
    assert all(before[table] for table in ("orders", "products", "memberships", "events", "sessions", "audit_log"))
    for operation in operations(system.app):
        if header is not None and operation.id in WAYS_IN:
            continue
        for response in await probe(system, stage, operation, {} if header is None else {"X-Tenant-ID": header}):
            assert response.status_code < 500, operation.id
            assert not [secret for secret in stage.secrets if secret in response.text], operation.id
            if header is not None and operation.permission not in ("public", None):
                assert (response.status_code, response.json()["code"]) == (403, "tenant_mismatch"), operation.id
        assert await snapshot(system, stage.a.tenant_id) == before, operation.id


async def test_a_s_cursors_are_refused_on_b_s_lists(system: System) -> None:
    stage = await stage_for(system)
    for operation in operations(system.app):
        if _listed(operation):
            answers = await probe(system, stage, operation, {})
            assert answers[0].status_code == 200
            assert {response.json()["code"] for response in answers[1:]} == {"invalid_cursor"}, operation.id


async def test_a_s_ids_are_answered_like_random_ones(system: System) -> None:
    """In the path and in bodies: the same status, headers and body but for the id that was sent."""
    stage = await stage_for(system)
    nowhere = Things(tenant_id=TenantId(uuid4()), product_id=uuid4(), order_id=uuid4(), user_id=uuid4())
    for operation in operations(system.app):
        if "{" not in operation.path and operation.id != "place_order":
            continue
        visitor = await system.person(stage.b.tenant_id, Role.OWNER)
        known = await call(system, operation, stage.things, visitor, visitor.headers)
        random = await call(system, operation, nowhere, visitor, visitor.headers)
        assert known.status_code == {"place_order": 422, "get_file": 403}.get(operation.id, 404), operation.id
        assert told(known) == told(random), operation.id


def told(response: httpx.Response) -> tuple[int, dict[str, Any], set[str]]:
    body = response.json() | {"request_id": "", "instance": ""}
    if "product_id" in body:
        body["product_id"] = ""
    return response.status_code, body, set(response.headers)


async def test_a_token_of_a_is_no_use_for_b_s_things_either(system: System) -> None:
    """The other direction, as the strongest caller A has that is no superuser."""
    stage = await stage_for(system)
    before = await snapshot(system, stage.b.tenant_id)
    product = await system.product(stage.b)
    after_own = await snapshot(system, stage.b.tenant_id)
    assert before != after_own, "the snapshot does not see what changes"
    for path in (f"/api/v1/products/{product.id}", f"/api/v1/tenants/{stage.b.tenant_id}"):
        response = await system.client.get(path, headers=stage.a.owner.headers)
        assert response.status_code == 404
    assert await snapshot(system, stage.b.tenant_id) == after_own


async def owners_view(system: System, person: Person, path: str) -> set[str]:
    items = (await system.client.get(path, headers=person.headers)).json()["items"]
    return {item["id"] for item in items}


@pytest.mark.parametrize("path", ["/api/v1/products", "/api/v1/orders", "/api/v1/users", "/api/v1/tenants"])
async def test_lists_hold_the_own_rows_and_no_others(system: System, path: str) -> None:
    stage = await stage_for(system)
    mine = await system.product(stage.b)
    await system.place(await system.person(stage.b.tenant_id, Role.CUSTOMER), mine.id)
    ours = await owners_view(system, stage.a.owner, path)
    theirs = await owners_view(system, stage.b.owner, path)
    assert ours
    assert theirs
    assert not ours & theirs


async def test_twin_a_header_taken_on_trust_would_show_everything(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the membership check gone the probes above find A's things, so they can fail."""
    stage = await stage_for(system)

    async def trusting(*_: object) -> Role:
        return Role.OWNER

    monkeypatch.setattr(type(system.app.state.parts.tenants), "role_of", trusting)
    (listed,) = (operation for operation in operations(system.app) if operation.id == "list_orders")
    answers = await probe(system, stage, listed, {"X-Tenant-ID": stage.a.slug})
    assert stage.things.order_id.hex in answers[0].text.replace("-", "")
