from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from app.application.catalog.views import ProductView, view_of
from app.application.ports import Clock
from app.domain.catalog.ports import ProductRepository
from app.domain.catalog.product import ProductDetails
from app.shared.ids import ProductId
from app.shared.mediator import Command, PartOf


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProduct(Command[ProductView]):
    """Set some of a product's details. `expected_version` None changes whatever version is there."""

    product_id: ProductId
    changes: Annotated[Mapping[str, object], PartOf(ProductDetails)]
    expected_version: int | None = None


@dataclass(slots=True)
class ChangeProductHandler:
    products: ProductRepository
    clock: Clock

    async def handle(self, command: ChangeProduct) -> ProductView:
        product = await self.products.get(command.product_id)
        product.expect_version(command.expected_version)
        pool = await self.products.lock_stock(product)
        product.change(now=self.clock.now(), **command.changes)
        pool.resize(product.details.capacity)
        return view_of(product, available=pool.available)
