"""One tenant's orders by status, for /metrics."""

from __future__ import annotations

from uuid import UUID

from app.domain.ordering.order import OrderStatus
from app.infrastructure.database.pool import Database
from app.infrastructure.observability.catalogue import ORDERS
from app.infrastructure.observability.figures import Values

NO_ORDERS: Values = {ORDERS: {(status.value,): 0.0 for status in OrderStatus}}

_COUNT = "SELECT status, count(*) AS orders FROM orders WHERE tenant_id = $1 GROUP BY status"


async def count_orders(database: Database, tenant_id: UUID) -> Values:
    async with database.transaction(tenant_id, read_only=True) as connection:
        rows = await connection.fetch(_COUNT, tenant_id)
    return {ORDERS: {(row["status"],): float(row["orders"]) for row in rows}}
