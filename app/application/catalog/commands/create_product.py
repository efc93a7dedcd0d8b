from __future__ import annotations

from dataclasses import dataclass, replace

from app.application.catalog.views import ProductView, view_of
from app.application.ports import Clock, IdSource
from app.domain.catalog.ports import ProductRepository
from app.domain.catalog.product import Product, ProductDetails, made_sku
from app.shared.ids import PoolId, ProductId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProduct(Command[ProductView]):
    """Put something into the catalogue, with its own stock pool; without a sku one is made."""

    details: ProductDetails


@dataclass(slots=True)
class CreateProductHandler:
    products: ProductRepository
    clock: Clock
    ids: IdSource

    async def handle(self, command: CreateProduct) -> ProductView:
        product_id = ProductId(self.ids.new())
        product = Product.create(
            id=product_id,
            pool_id=PoolId(self.ids.new()),
            details=command.details if command.details.sku else replace(command.details, sku=made_sku(product_id)),
            now=self.clock.now(),
        )
        self.products.add(product)
        return view_of(product, available=command.details.capacity)
