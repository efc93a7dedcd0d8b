"""Which image a product shows: a change of the product like any other, with its version and its event."""

from __future__ import annotations

from uuid import UUID

from app.application.ports import Clock
from app.domain.catalog.ports import ProductRepository
from app.domain.catalog.product import Product
from app.shared.ids import FileId, ProductId


class SqlProductImages:
    """Implements catalog's `ProductImages`; one instance per command."""

    def __init__(self, products: ProductRepository, clock: Clock) -> None:
        self._products = products
        self._clock = clock
        self._loaded: dict[UUID, Product] = {}

    async def shown(self, product_id: UUID, expected_version: int | None) -> FileId | None:
        product = await self._load(product_id)
        product.expect_version(expected_version)
        return product.image_id

    async def show(self, product_id: UUID, file_id: FileId | None) -> None:
        (await self._load(product_id)).show_image(file_id, now=self._clock.now())

    async def _load(self, product_id: UUID) -> Product:
        if product_id not in self._loaded:
            self._loaded[product_id] = await self._products.get(ProductId(product_id))
        return self._loaded[product_id]
