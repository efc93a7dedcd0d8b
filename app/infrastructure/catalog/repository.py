from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.domain.catalog.product import Product, ProductDetails, ProductKind, ProductNotFound, ProductStatus
from app.domain.catalog.stock import StockPool
from app.domain.kernel import Money
from app.infrastructure.catalog.rows import ProductRow, StockPoolRow
from app.infrastructure.catalog.shelf import lock_pools, pool_of
from app.infrastructure.database.connection import Record
from app.infrastructure.database.scope import Scope
from app.infrastructure.database.writer import BulkInsert, BulkUpdate, Writes
from app.shared.ids import PoolId, ProductId, TenantId

_DETAILS = (
    *("sku", "name", "search", "description", "kind", "price_amount", "price_currency"),
    *("status", "max_per_order", "sale_starts_at", "sale_ends_at"),
)
_INSERT_POOL = BulkInsert(StockPoolRow, "tenant_id", "id", "capacity", "held", "sold", "taken")
_INSERT = BulkInsert(ProductRow, "tenant_id", "id", "pool_id", *_DETAILS, "version", "created_at", "updated_at")
_UPDATE = BulkUpdate(ProductRow, *_DETAILS, "image_file_id", "version", "updated_at")
_SET_CAPACITY = """
    UPDATE stock_pools AS p SET capacity = v.capacity FROM unnest($2::uuid[], $3::bigint[]) AS v(id, capacity)
    WHERE p.tenant_id = $1 AND p.id = v.id AND p.capacity IS DISTINCT FROM v.capacity
"""
_ERASE = "DELETE FROM products WHERE tenant_id = $1 AND id = ANY($2::uuid[])"
_ERASE_POOLS = "DELETE FROM stock_pools WHERE tenant_id = $1 AND id = ANY($2::uuid[])"
_SELECT = """
    SELECT p.*, s.capacity FROM products p JOIN stock_pools s ON s.tenant_id = p.tenant_id AND s.id = p.pool_id
    WHERE p.tenant_id = $1 AND p.id = $2
"""


def search_text(*parts: str) -> str:
    return " ".join(parts).casefold()


class ProductMapper:
    stream = "product"

    def key(self, product: Product) -> UUID:
        return product.id

    async def insert(self, writes: Writes, tenant_id: TenantId, products: Sequence[Product]) -> None:
        pools = [(tenant_id, p.pool_id, p.details.capacity, 0, 0, 0) for p in products]
        writes.add(_INSERT_POOL, pools)
        rows = [
            (tenant_id, p.id, p.pool_id, *_details(p.details), p.version, p.created_at, p.updated_at) for p in products
        ]
        writes.add(_INSERT, rows)

    async def update(self, writes: Writes, tenant_id: TenantId, products: Sequence[Product]) -> None:
        rows = [
            (tenant_id, p.id, p.stored_version, *_details(p.details), p.image_id, p.version, p.updated_at)
            for p in products
        ]
        writes.add(_UPDATE, rows)
        capacities = [p.details.capacity for p in products]
        await writes.connection.execute(_SET_CAPACITY, tenant_id, [p.pool_id for p in products], capacities)
        erased = [p for p in products if p.erased]
        if erased:
            await writes.send()  # the version is judged before the row goes
            await writes.connection.execute(_ERASE, tenant_id, [p.id for p in erased])
            await writes.connection.execute(_ERASE_POOLS, tenant_id, [p.pool_id for p in erased])


_MAPPER = ProductMapper()


class SqlProductRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, product: Product) -> None:
        self._scope.track(product, _MAPPER, new=True)

    async def get(self, product_id: ProductId) -> Product:
        row = await self._scope.connection.fetchrow(_SELECT, self._scope.tenant_id, product_id)
        if row is None:
            raise ProductNotFound("There is no such product.")
        product = _product(row)
        self._scope.track(product, _MAPPER)
        return product

    async def lock_stock(self, product: Product) -> StockPool:
        pools = await lock_pools(self._scope.connection, self._scope.tenant_id, (), [product.pool_id])
        if not pools:  # erased by someone else between our read and our lock
            raise ProductNotFound("There is no such product.")
        return pool_of(pools[0])


def _details(details: ProductDetails) -> tuple[object, ...]:
    return (
        *(details.sku, details.name, search_text(details.name, details.sku), details.description, details.kind),
        *(details.price.amount, details.price.currency, details.status, details.max_per_order),
        *(details.sale_starts_at, details.sale_ends_at),
    )


def _product(row: Record) -> Product:
    return Product(
        id=ProductId(row["id"]),
        pool_id=PoolId(row["pool_id"]),
        details=details_of(row),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        image_id=row["image_file_id"],
        version=row["version"],
    )


def details_of(row: Record) -> ProductDetails:
    return ProductDetails(
        sku=row["sku"],
        name=row["name"],
        description=row["description"],
        kind=ProductKind(row["kind"]),
        price=Money(row["price_amount"], row["price_currency"]),
        capacity=row["capacity"],
        status=ProductStatus(row["status"]),
        max_per_order=row["max_per_order"],
        sale_starts_at=row["sale_starts_at"],
        sale_ends_at=row["sale_ends_at"],
    )
