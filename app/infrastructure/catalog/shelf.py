"""The shelf over the counter rows: locked once for all commands of a transaction, written once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from app.application.catalog.contracts import Offer
from app.domain.catalog import stock
from app.domain.catalog.stock import Demand, StockPool
from app.domain.kernel import Money
from app.infrastructure.catalog.rows import StockPoolRow
from app.infrastructure.database.connection import Connection, Record
from app.infrastructure.database.scope import UnitOfWork
from app.infrastructure.database.writer import BulkAdd, Writes
from app.shared.ids import PoolId, ProductId

_LOCK = """
    SELECT s.id AS pool_id, s.capacity, s.held, s.sold, s.taken, p.id AS product_id, p.name, p.price_amount,
        p.price_currency, p.status, p.max_per_order, p.sale_starts_at, p.sale_ends_at
    FROM stock_pools s LEFT JOIN products p
        ON p.tenant_id = s.tenant_id AND p.pool_id = s.id AND p.id = ANY($2::uuid[])
    WHERE s.tenant_id = $1 AND s.id = ANY($3::uuid[] || ARRAY(
        SELECT pool_id FROM products WHERE tenant_id = $1 AND id = ANY($2::uuid[])))
    ORDER BY s.id FOR NO KEY UPDATE OF s
"""
"""All pools of the transaction in id order, so that two transactions never wait for each other; and, in the same round
trip, the products asked for. A product changed while we wait for its pool may be met as it was when we asked."""

_MOVE = BulkAdd(StockPoolRow, "held", "sold", "taken")


async def lock_pools(
    connection: Connection, tenant_id: UUID, product_ids: Collection[UUID], pool_ids: Collection[UUID]
) -> list[Record]:
    return await connection.fetch(_LOCK, tenant_id, list(product_ids), list(pool_ids))


def pool_of(row: Record) -> StockPool:
    return StockPool(PoolId(row["pool_id"]), row["capacity"], row["held"], row["sold"], row["taken"])


class SqlShelf:
    """Implements catalog's `Shelf`. Moves are written as differences, so the CHECK judges the true counters."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._pools: dict[PoolId, StockPool] = {}
        self._loaded: dict[PoolId, tuple[int, int, int]] = {}
        self._offers: dict[ProductId, Offer] = {}
        self._asked: set[ProductId] = set()
        work.on_flush(self._write)

    async def load(self, product_ids: Collection[ProductId], pool_ids: Collection[PoolId] = ()) -> None:
        products = set(product_ids) - self._asked
        pools = set(pool_ids) - self._pools.keys()
        if not products and not pools:
            return
        self._asked |= products
        connection, tenant_id = self._work.connection, self._work.tenant_id
        for row in await lock_pools(connection, tenant_id, products, pools):
            pool = self._pools.setdefault(PoolId(row["pool_id"]), pool_of(row))
            self._loaded.setdefault(pool.id, (pool.held, pool.sold, pool.taken))
            if row["product_id"] is not None:
                offer = _offer(row)
                self._offers[offer.product_id] = offer

    async def offers(self, product_ids: Collection[ProductId]) -> Mapping[ProductId, Offer]:
        await self.load(product_ids)
        return {wanted: self._offers[wanted] for wanted in product_ids if wanted in self._offers}

    def reserve(self, demands: Sequence[Demand]) -> None:
        stock.reserve(self._pools, demands)
        self._work.changes += 1

    async def sell(self, demands: Sequence[Demand]) -> None:
        await self._hold_pools_of(demands)
        stock.sell(self._pools, demands)

    async def release(self, demands: Sequence[Demand]) -> None:
        await self._hold_pools_of(demands)
        stock.release(self._pools, demands)

    async def take_back(self, demands: Sequence[Demand]) -> None:
        await self._hold_pools_of(demands)
        stock.take_back(self._pools, demands)

    async def _hold_pools_of(self, demands: Sequence[Demand]) -> None:
        await self.load((), {demand.pool_id for demand in demands})
        self._work.changes += 1

    async def _write(self, writes: Writes) -> None:
        moved = ((pool, *self._loaded[pool.id]) for pool in self._pools.values())
        rows = [
            (self._work.tenant_id, pool.id, pool.held - held, pool.sold - sold, pool.taken - taken)
            for pool, held, sold, taken in moved
            if (pool.held, pool.sold, pool.taken) != (held, sold, taken)
        ]
        writes.add(_MOVE, rows)


def _offer(row: Record) -> Offer:
    return Offer(
        product_id=ProductId(row["product_id"]),
        pool_id=PoolId(row["pool_id"]),
        name=row["name"],
        price=Money(row["price_amount"], row["price_currency"]),
        active=row["status"] == "active",
        max_per_order=row["max_per_order"],
        sale_starts_at=row["sale_starts_at"],
        sale_ends_at=row["sale_ends_at"],
    )
