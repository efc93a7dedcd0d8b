"""Figures in /metrics against what is in the database."""

from __future__ import annotations

from collections.abc import Generator

import asyncpg
import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.observability import catalogue as c
from app.infrastructure.observability.readings import readings
from app.infrastructure.ordering.figures import count_orders
from tests.support.own_database import own_database
from tests.support.system import Organizer, System


@pytest.fixture
def addresses(addresses: Addresses, database_server: EmbeddedServer) -> Generator[Addresses]:
    """A database without what other tests left behind: figures are of all tenants."""
    with own_database(database_server) as own:
        yield own


async def no_depth() -> dict[str, int]:
    return {"mail": 3}


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("holds", {c.HOLDS, c.HOLDS_OVERDUE}),
        ("outbox", {c.OUTBOX, c.OUTBOX_AGE}),
        ("queues", {c.QUEUE}),
        ("dead_letters", {c.DEAD_LETTERS}),
        ("jobs", {c.JOBS, c.JOBS_AGE}),
        ("workers", {c.WORKERS, c.HEARTBEAT}),
        ("outgoing", {c.OUTGOING, c.OUTGOING_AGE}),
    ],
)
async def test_the_workers_role_may_read_what_is_shown(system: System, name: str, metrics: set[c.Metric]) -> None:
    values = await readings(system.application.database, no_depth)[name]()
    assert set(values) == metrics


async def test_orders_are_counted_by_status(system: System, organizer: Organizer, other: Organizer) -> None:
    product = await system.product(organizer)
    for _ in range(3):
        order = (await system.place(organizer.owner, product.id)).json()
    await system.client.post(f"/api/v1/orders/{order['id']}/confirm", headers=organizer.owner.headers)

    database = system.application.database
    assert await count_orders(database, organizer.tenant_id) == {c.ORDERS: {("pending",): 2, ("confirmed",): 1}}
    assert await count_orders(database, other.tenant_id) == {c.ORDERS: {}}


async def test_a_hold_that_should_have_ended_is_overdue(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    product = await system.product(organizer)
    await system.place(organizer.owner, product.id)
    ask = readings(system.application.database, no_depth)["holds"]
    before = (await ask())[c.HOLDS][()]
    await owner.execute(
        "UPDATE orders SET expires_at = now() - interval '1 day' WHERE tenant_id = $1", organizer.tenant_id
    )
    try:
        values = await ask()
    finally:
        await owner.execute("UPDATE orders SET expires_at = now() WHERE tenant_id = $1", organizer.tenant_id)
    assert before >= 1
    assert values[c.HOLDS_OVERDUE][()] >= 86_400


async def test_the_age_of_the_outbox_is_its_oldest_unpublished_event(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    ask = readings(system.application.database, no_depth)["outbox"]
    await owner.execute(
        "UPDATE outbox SET occurred_at = now() - interval '1 day' WHERE tenant_id = $1", organizer.tenant_id
    )
    aged = await ask()
    await owner.execute("UPDATE outbox SET published_at = now() WHERE tenant_id = $1", organizer.tenant_id)
    after = await ask()
    assert aged[c.OUTBOX_AGE][()] >= 86_400
    assert after[c.OUTBOX_AGE][()] < 86_400
    assert aged[c.OUTBOX][()] > after[c.OUTBOX][()]
