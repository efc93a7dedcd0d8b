"""Recounts the stock pools from the orders that took from them: what differs has drifted."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.application.catalog.queries.list_stock_drift import ListStockDrift, StockCount, StockDriftView
from app.application.paging import Page
from app.infrastructure.database.connection import Record
from app.infrastructure.database.paging import page_of, walk
from app.infrastructure.database.pool import Database
from app.infrastructure.database.reader import Reader
from app.infrastructure.observability.catalogue import DRIFT
from app.infrastructure.observability.figures import Values
from app.shared.ids import PoolId, ProductId

_DRIFTED = """
    SELECT s.id, s.held, s.sold, s.taken, c.held AS true_held, c.sold AS true_sold, c.taken AS true_taken, (
        SELECT p.id FROM products p WHERE p.tenant_id = s.tenant_id AND p.pool_id = s.id ORDER BY p.id LIMIT 1
    ) AS product_id
    FROM stock_pools s LEFT JOIN (
        SELECT l.pool_id,
            coalesce(sum(l.quantity) FILTER (WHERE o.status = 'pending'), 0)::bigint AS held,
            coalesce(sum(l.quantity) FILTER (WHERE o.status = 'confirmed'), 0)::bigint AS sold,
            sum(l.quantity)::bigint AS taken
        FROM order_lines l JOIN orders o ON o.tenant_id = l.tenant_id AND o.id = l.order_id
        WHERE l.tenant_id = $1 GROUP BY l.pool_id
    ) o ON o.pool_id = s.id
    CROSS JOIN LATERAL (
        SELECT coalesce(o.held, 0) AS held, coalesce(o.sold, 0) AS sold, coalesce(o.taken, 0) AS taken
    ) c
    WHERE s.tenant_id = $1 AND (s.held, s.sold, s.taken) <> (c.held, c.sold, c.taken)
"""
"""One statement, one snapshot: an order that is placed meanwhile is in all of it or in none."""

NO_DRIFT: Values = {DRIFT: {(): 0.0}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A pool's counters beside what the orders say, each as (held, sold, ever taken)."""

    pool_id: UUID
    counted: tuple[int, int, int]
    true: tuple[int, int, int]


async def drift(database: Database, tenant_id: UUID) -> list[Drift]:
    """The tenant's pools whose counters differ from its orders; none when all is well."""
    async with database.transaction(tenant_id, read_only=True) as connection:
        rows = await connection.fetch(_DRIFTED + " ORDER BY s.id", tenant_id)
    return [
        Drift(
            pool_id=row["id"],
            counted=(row["held"], row["sold"], row["taken"]),
            true=(row["true_held"], row["true_sold"], row["true_taken"]),
        )
        for row in rows
    ]


async def count_drift(database: Database, tenant_id: UUID) -> Values:
    """For /metrics."""
    return {DRIFT: {(): float(len(await drift(database, tenant_id)))}}


@dataclass(slots=True)
class ListStockDriftHandler:
    reader: Reader

    async def handle(self, query: ListStockDrift) -> Page[StockDriftView]:
        page = query.page
        sql = _DRIFTED + walk(page, "s.id", 2)
        rows = await self.reader.rows(sql, self.reader.tenant_id, page.after, page.limit + 1)
        return page_of(rows, page, _view)


def _view(row: Record) -> StockDriftView:
    product_id = row["product_id"]
    return StockDriftView(
        pool_id=PoolId(row["id"]),
        product_id=None if product_id is None else ProductId(product_id),
        counted=StockCount(held=row["held"], sold=row["sold"], taken=row["taken"]),
        true=StockCount(held=row["true_held"], sold=row["true_sold"], taken=row["true_taken"]),
    )
