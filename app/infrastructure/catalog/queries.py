"""Catalog's read side: plain SQL past the domain."""

from __future__ import annotations

from dataclasses import dataclass

from app.application.catalog.queries.get_product import GetProduct
from app.application.catalog.queries.list_products import ListProducts
from app.application.catalog.views import ProductView, image_url_of
from app.application.paging import Page
from app.domain.catalog.product import ProductKind, ProductNotFound, ProductStatus
from app.domain.kernel import Money
from app.infrastructure.catalog.repository import search_text
from app.infrastructure.database.connection import Record
from app.infrastructure.database.paging import page_of, walk
from app.infrastructure.database.reader import Reader
from app.shared.ids import ProductId

_SELECT = """
    SELECT p.*, s.capacity, s.capacity - s.held - s.sold AS available
    FROM products p JOIN stock_pools s ON s.tenant_id = p.tenant_id AND s.id = p.pool_id
    WHERE p.tenant_id = $1
"""


@dataclass(slots=True)
class GetProductHandler:
    reader: Reader

    async def handle(self, query: GetProduct) -> ProductView:
        row = await self.reader.row(_SELECT + " AND p.id = $2", self.reader.tenant_id, query.product_id)
        if row is None or (query.active_only and row["status"] != ProductStatus.ACTIVE):
            raise ProductNotFound("There is no such product.")
        return _view(row)


@dataclass(slots=True)
class ListProductsHandler:
    reader: Reader

    async def handle(self, query: ListProducts) -> Page[ProductView]:
        sql = _SELECT + (
            " AND ($2::text IS NULL OR p.status = $2) AND ($3::text IS NULL OR p.kind = $3)"
            " AND ($4::text IS NULL OR strpos(p.search, $4) > 0)"
        )
        search = search_text(query.search) if query.search else None
        rows = await self.reader.rows(
            sql + walk(query.page, "p.id", 5),
            *(self.reader.tenant_id, query.status, query.kind, search, query.page.after, query.page.limit + 1),
        )
        return page_of(rows, query.page, _view)


def _view(row: Record) -> ProductView:
    return ProductView(
        id=ProductId(row["id"]),
        sku=row["sku"],
        name=row["name"],
        description=row["description"],
        kind=ProductKind(row["kind"]),
        price=Money(row["price_amount"], row["price_currency"]),
        capacity=row["capacity"],
        available=row["available"],
        status=ProductStatus(row["status"]),
        max_per_order=row["max_per_order"],
        sale_starts_at=row["sale_starts_at"],
        sale_ends_at=row["sale_ends_at"],
        image_url=image_url_of(row["id"], row["image_file_id"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
