from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.domain.catalog.product import ProductDetails, ProductKind, ProductStatus
from app.presentation.fields import UNSET, Body, Capacity, Count, Instant, LongText, MoneyIn, Name, Patch

Sku = Annotated[Name, Field(description="Unique in the tenant; made from the id when left out.")]


class ProductIn(Body):
    name: Name
    kind: ProductKind
    price: MoneyIn
    sku: Sku | None = None
    description: LongText = ""
    capacity: Capacity | None = None
    status: ProductStatus = ProductStatus.DRAFT
    max_per_order: Count | None = None
    sale_starts_at: Instant | None = None
    sale_ends_at: Instant | None = None

    def details(self) -> ProductDetails:
        return ProductDetails(
            sku=self.sku or "",
            name=self.name,
            kind=self.kind,
            price=self.price.money(),
            description=self.description,
            capacity=self.capacity,
            status=self.status,
            max_per_order=self.max_per_order,
            sale_starts_at=self.sale_starts_at,
            sale_ends_at=self.sale_ends_at,
        )


class ProductPatch(Patch):
    """Fields left out stay as they are; null empties those that may be empty."""

    name: Name = UNSET
    kind: ProductKind = UNSET
    price: MoneyIn = UNSET
    sku: Name = UNSET
    description: LongText = UNSET
    capacity: Capacity | None = None
    status: ProductStatus = UNSET
    max_per_order: Count | None = None
    sale_starts_at: Instant | None = None
    sale_ends_at: Instant | None = None

    def changes(self) -> dict[str, Any]:
        given = self.given()
        if "price" in given:
            given["price"] = self.price.money()
        return given


PRODUCT_IN = {
    "name": "Friday, standing",
    "kind": "ticket",
    "price": {"amount": 4500, "currency": "EUR"},
    "capacity": 500,
    "status": "active",
    "max_per_order": 6,
}
PRODUCT = {
    "id": "01936f5e-7c1a-7b52-9d0e-3f6a1b2c4d5e",
    "sku": "FRI-STAND",
    "name": "Friday, standing",
    "description": "",
    "kind": "ticket",
    "price": {"amount": 4500, "currency": "EUR"},
    "capacity": 500,
    "available": 498,
    "status": "active",
    "max_per_order": 6,
    "sale_starts_at": None,
    "sale_ends_at": None,
    "image_url": "/api/v1/products/01936f5e-7c1a-7b52-9d0e-3f6a1b2c4d5e/image",
    "version": 1,
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
}
