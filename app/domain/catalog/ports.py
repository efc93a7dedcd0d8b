from __future__ import annotations

from typing import Protocol

from app.domain.catalog.product import Product
from app.domain.catalog.stock import StockPool
from app.shared.ids import ProductId


class ProductRepository(Protocol):
    def add(self, product: Product) -> None:
        """Raises SkuTaken at commit when the tenant already has the sku."""
        ...

    async def get(self, product_id: ProductId) -> Product:
        """Raises ProductNotFound. What is loaded here is saved at commit."""
        ...

    async def lock_stock(self, product: Product) -> StockPool:
        """The product's pool as it is now; nobody else moves stock until the commit."""
        ...
