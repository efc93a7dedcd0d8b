"""After a race: the counters, the rows, the events, the outbox and the audit log must tell one story."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from app.domain.kernel import DomainEvent
from app.domain.ordering.order import Order, OrderCancelled, OrderConfirmed, OrderExpired, OrderPlaced
from app.infrastructure.catalog.reconciler import drift
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.pool import Database
from app.infrastructure.ordering.repository import LINES, order_of

_READERS: dict[str, TypeAdapter[Any]] = {
    event.type: TypeAdapter(event) for event in (OrderPlaced, OrderConfirmed, OrderCancelled, OrderExpired)
}
_JOURNALS = """
    SELECT e.stream_id, e.version, e.type, e.metadata ->> 'actor_id' AS actor, e.metadata ->> 'request_id' AS request_id
    FROM events e WHERE e.tenant_id = $1 ORDER BY 1, 2
"""
_AUDITED = """
    SELECT target_id AS stream_id, action AS type, actor_id::text AS actor, request_id
    FROM audit_log WHERE tenant_id = $1 AND outcome = 'done' ORDER BY occurred_at
"""
STATE = (
    *("id", "number", "buyer_id", "customer", "lines", "total", "status", "placed_at", "expires_at"),
    *("confirmed_at", "cancelled_at", "cancel_reason", "version"),
)


def read_event(type_: str, data: str) -> DomainEvent:
    """An order's event as it was recorded."""
    event: DomainEvent = _READERS[type_].validate_json(data)
    return event


async def rebuilt(connection: Connection, tenant_id: UUID, order_id: UUID) -> Order:
    rows = await connection.fetch(
        "SELECT type, data FROM events WHERE tenant_id = $1 AND stream_id = $2 ORDER BY version", tenant_id, order_id
    )
    return Order.rebuild(read_event(row["type"], row["data"]) for row in rows)


async def orders_of(connection: Connection, tenant_id: UUID) -> list[Order]:
    rows = await connection.fetch("SELECT * FROM orders WHERE tenant_id = $1 ORDER BY id", tenant_id)
    lines = await connection.fetch(LINES, tenant_id, [row["id"] for row in rows])
    return [order_of(row, [line for line in lines if line["order_id"] == row["id"]]) for row in rows]


def state(order: Order) -> dict[str, object]:
    return {name: getattr(order, name) for name in STATE}


async def assert_the_books_agree(database: Database, tenant_id: UUID) -> list[Order]:
    """Stock against orders, every order against its stream, events against audit. Returns the tenant's orders."""
    assert await drift(database, tenant_id) == []
    async with database.transaction(tenant_id) as connection:
        orders = await orders_of(connection, tenant_id)
        for order in orders:
            assert state(await rebuilt(connection, tenant_id, order.id)) == state(order)
        events = [dict(row) for row in await connection.fetch(_JOURNALS, tenant_id)]
        audited = [dict(row) for row in await connection.fetch(_AUDITED, tenant_id)]
    told = sorted((str(e["stream_id"]), e["type"], e["actor"], e["request_id"]) for e in events)
    assert told == sorted((str(a["stream_id"]), a["type"], a["actor"], a["request_id"]) for a in audited)
    return orders
