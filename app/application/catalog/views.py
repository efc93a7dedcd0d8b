"""What a client sees of a product; the fields are the contract's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.catalog.product import Product, ProductKind, ProductStatus
from app.domain.kernel import Money
from app.shared.ids import FileId, ProductId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductView:
    """`available` is what can still be ordered; null means unlimited. Stock movements don't count as a version."""

    id: ProductId
    sku: str
    name: str
    description: str
    kind: ProductKind
    price: Money
    capacity: int | None
    available: int | None
    status: ProductStatus
    max_per_order: int | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    image_url: str | None
    version: int
    created_at: datetime
    updated_at: datetime


def image_url_of(product_id: ProductId, image_id: FileId | None) -> str | None:
    """The same for as long as there is an image; it leads on to the bytes."""
    return None if image_id is None else f"/api/v1/products/{product_id}/image"


def view_of(product: Product, *, available: int | None) -> ProductView:
    details = product.details
    return ProductView(
        id=product.id,
        sku=details.sku,
        name=details.name,
        description=details.description,
        kind=details.kind,
        price=details.price,
        capacity=details.capacity,
        available=available,
        status=details.status,
        max_per_order=details.max_per_order,
        sale_starts_at=details.sale_starts_at,
        sale_ends_at=details.sale_ends_at,
        image_url=image_url_of(product.id, product.image_id),
        version=product.version,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )
