from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.domain.catalog.ports import ProductRepository
from app.shared.ids import ProductId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProduct(Command[None]):
    """Take a product off the catalogue: erased when it never sold, else archived."""

    product_id: ProductId
    expected_version: int | None = None


@dataclass(slots=True)
class DeleteProductHandler:
    products: ProductRepository
    clock: Clock

    async def handle(self, command: DeleteProduct) -> None:
        product = await self.products.get(command.product_id)
        product.expect_version(command.expected_version)
        pool = await self.products.lock_stock(product)
        product.retire(ever_sold=pool.taken > 0, now=self.clock.now())
