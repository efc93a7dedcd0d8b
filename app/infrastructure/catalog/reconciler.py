"""Recounts the stock pools from the orders that took from them: what differs has drifted."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.infrastructure.database.pool import Database

_RECOUNT = """
    SELECT s.id, s.held, s.sold, s.taken, coalesce(c.held, 0) AS true_held, coalesce(c.sold, 0) AS true_sold,
        coalesce(c.taken, 0) AS true_taken
    FROM stock_pools s LEFT JOIN (
        SELECT l.pool_id,
            coalesce(sum(l.quantity) FILTER (WHERE o.status = 'pending'), 0)::bigint AS held,
            coalesce(sum(l.quantity) FILTER (WHERE o.status = 'confirmed'), 0)::bigint AS sold,
            sum(l.quantity)::bigint AS taken
        FROM order_lines l JOIN orders o ON o.tenant_id = l.tenant_id AND o.id = l.order_id
        WHERE l.tenant_id = $1 GROUP BY l.pool_id
    ) c ON c.pool_id = s.id
    WHERE s.tenant_id = $1 ORDER BY s.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A pool's counters beside what the orders say, each as (held, sold, ever taken)."""

    pool_id: UUID
    counted: tuple[int, int, int]
    true: tuple[int, int, int]


async def drift(database: Database, tenant_id: UUID) -> list[Drift]:
    """The tenant's pools whose counters differ from its orders; none when all is well. One statement, one snapshot."""
    async with database.transaction(tenant_id, read_only=True) as connection:
        rows = await connection.fetch(_RECOUNT, tenant_id)
    found = [
        Drift(
            pool_id=row["id"],
            counted=(row["held"], row["sold"], row["taken"]),
            true=(row["true_held"], row["true_sold"], row["true_taken"]),
        )
        for row in rows
    ]
    return [one for one in found if one.counted != one.true]
