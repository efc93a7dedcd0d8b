"""After each load: what the counters say and what the rows say must be the same, product by product."""

from __future__ import annotations

import asyncio
from typing import Any

from app.infrastructure.database.addresses import Addresses
from tools.bench.database import owner

KINDS = ("events", "outbox", "audit_log", "idempotency_keys")

_PER_PRODUCT = """
    SELECT p.sku, s.held + s.sold AS counted, s.taken, coalesce(l.pieces, 0) AS pieces, coalesce(l.orders, 0) AS orders,
        coalesce(l.events, 0) AS events, coalesce(l.outbox, 0) AS outbox, coalesce(l.audit_log, 0) AS audit_log,
        coalesce(l.idempotency_keys, 0) AS idempotency_keys
    FROM products p JOIN stock_pools s ON s.tenant_id = p.tenant_id AND s.id = p.pool_id
    LEFT JOIN (
        SELECT l.product_id, sum(l.quantity)::bigint AS pieces, count(o.id) AS orders,
            sum(e.n)::bigint AS events, sum(x.n)::bigint AS outbox, sum(a.n)::bigint AS audit_log,
            sum(i.n)::bigint AS idempotency_keys
        FROM order_lines l
        JOIN orders o ON o.tenant_id = l.tenant_id AND o.id = l.order_id
        LEFT JOIN (SELECT stream_id, count(*) AS n FROM events GROUP BY 1) e ON e.stream_id = l.order_id
        LEFT JOIN (SELECT stream_id, count(*) AS n FROM outbox GROUP BY 1) x ON x.stream_id = l.order_id
        LEFT JOIN (SELECT target_id, count(*) AS n FROM audit_log GROUP BY 1) a ON a.target_id = l.order_id
        LEFT JOIN (SELECT (convert_from(body, 'UTF8')::jsonb ->> 'id')::uuid AS order_id, count(*) AS n
            FROM idempotency_keys GROUP BY 1) i ON i.order_id = l.order_id
        GROUP BY l.product_id) l ON l.product_id = p.id
    ORDER BY p.sku
"""
_TOTALS = """
    SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM order_lines) AS order_lines,
        (SELECT count(*) FROM events WHERE stream = 'order') AS events,
        (SELECT count(*) FROM outbox WHERE type LIKE 'order.%') AS outbox,
        (SELECT count(*) FROM audit_log WHERE target_kind = 'order') AS audit_log,
        (SELECT count(*) FROM idempotency_keys) AS idempotency_keys
"""
QUIET_SECONDS = 10.0


async def disagreements(addresses: Addresses) -> list[str]:
    """One line for each product or table whose numbers differ; none is what is wanted."""
    async with owner(addresses) as connection:
        await _quiet(connection)
        totals = dict(await connection.fetchrow(_TOTALS))
        rows = [dict(row) for row in await connection.fetch(_PER_PRODUCT)]
    faults = [line for row in rows if (line := fault_of(row))]
    if len(set(totals.values())) > 1:
        faults.append(f"rows in all differ: {_said(totals)}")
    return faults


def fault_of(row: dict[str, Any]) -> str | None:
    """Each order here is for one piece, so pieces, orders and every kind of row are the same number."""
    numbers = {name: int(value) for name, value in row.items() if name != "sku"}
    return f"{row['sku']}: {_said(numbers)}" if len(set(numbers.values())) > 1 else None


def _said(numbers: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


async def orders_placed(addresses: Addresses) -> int:
    async with owner(addresses) as connection:
        await _quiet(connection)
        return int(await connection.fetchval("SELECT count(*) FROM orders"))


async def _quiet(connection: Any) -> None:
    """What was in flight when the client hung up is still committed; nobody tells when, so it is asked for."""
    deadline = _now() + QUIET_SECONDS
    before = -1
    while (now := await connection.fetchval("SELECT count(*) FROM orders")) != before and _now() < deadline:
        before = now
        await asyncio.sleep(0.3)


def _now() -> float:
    return asyncio.get_running_loop().time()
