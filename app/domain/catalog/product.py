"""Product: what is sold, at what price, how many, and when."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from app.domain.kernel import AggregateRoot, DomainEvent, Money, RuleBroken
from app.shared.errors import AppError, FieldFault, Kind
from app.shared.ids import FileId, PoolId, ProductId


class ProductKind(StrEnum):
    TICKET = "ticket"
    MERCHANDISE = "merchandise"


class ProductStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class ProductNotFound(AppError):
    """There is no such product in the tenant, or the caller may not see it."""

    code = "product_not_found"
    kind = Kind.NOT_FOUND


class SkuTaken(RuleBroken):
    """Another product of the tenant has this sku."""

    code = "sku_taken"


class CapacityBelowTaken(RuleBroken):
    """More pieces are held or sold than the new capacity has."""

    code = "capacity_below_taken"


class SaleWindowInverted(AppError):
    """The sale would end before it starts."""

    code = "sale_window_inverted"
    kind = Kind.INVALID


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDetails:
    """Everything about a product that its staff may write; an empty sku is filled in when the product is made."""

    sku: str
    name: str
    kind: ProductKind
    price: Money
    description: str = ""
    capacity: int | None = None
    status: ProductStatus = ProductStatus.DRAFT
    max_per_order: int | None = None
    sale_starts_at: datetime | None = None
    sale_ends_at: datetime | None = None

    def __post_init__(self) -> None:
        starts, ends = self.sale_starts_at, self.sale_ends_at
        if starts is not None and ends is not None and ends <= starts:
            raise SaleWindowInverted(
                "The sale must end after it starts.",
                errors=(FieldFault("/sale_ends_at", "sale_window_inverted", "must be after sale_starts_at"),),
            )


def made_sku(product_id: ProductId) -> str:
    """For organizers who don't keep skus: the id's random part, which no other product has."""
    return f"P-{product_id.hex[-12:].upper()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCreated(DomainEvent):
    type: ClassVar[str] = "product.created"
    product_id: ProductId
    pool_id: PoolId
    details: ProductDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductChanged(DomainEvent):
    """`changed` names the fields that have another value than before."""

    type: ClassVar[str] = "product.changed"
    product_id: ProductId
    changed: tuple[str, ...]
    details: ProductDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductImageChanged(DomainEvent):
    """`image_id` null: it has no image any more."""

    type: ClassVar[str] = "product.image_changed"
    product_id: ProductId
    image_id: FileId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductArchived(DomainEvent):
    type: ClassVar[str] = "product.archived"
    product_id: ProductId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductErased(DomainEvent):
    """The product was never sold and is gone."""

    type: ClassVar[str] = "product.erased"
    product_id: ProductId


@dataclass(slots=True, eq=False, kw_only=True)
class Product(AggregateRoot):
    id: ProductId
    pool_id: PoolId
    details: ProductDetails
    created_at: datetime
    updated_at: datetime
    image_id: FileId | None = field(default=None)
    erased: bool = field(default=False)

    @classmethod
    def create(cls, *, id: ProductId, pool_id: PoolId, details: ProductDetails, now: datetime) -> Product:
        product = cls(id=id, pool_id=pool_id, details=details, created_at=now, updated_at=now)
        product._record(ProductCreated(product_id=id, pool_id=pool_id, details=details, occurred_at=now))
        return product

    def change(self, *, now: datetime, **values: object) -> None:
        """Sets the named details; the same values again change nothing and record nothing."""
        details = replace(self.details, **values)  # type: ignore[arg-type]  # names and types are the request schema's
        before = self.details
        changed = tuple(f.name for f in fields(details) if getattr(details, f.name) != getattr(before, f.name))
        if not changed:
            return
        self.details, self.updated_at = details, now
        self._record(ProductChanged(product_id=self.id, changed=changed, details=details, occurred_at=now))

    def show_image(self, image_id: FileId | None, *, now: datetime) -> None:
        """None shows none."""
        self.image_id, self.updated_at = image_id, now
        self._record(ProductImageChanged(product_id=self.id, image_id=image_id, occurred_at=now))

    def retire(self, *, ever_sold: bool, now: datetime) -> None:
        """Erases a product that never sold; one that did is archived, since orders show it."""
        if not ever_sold:
            self.erased = True
            self._record(ProductErased(product_id=self.id, occurred_at=now))
        elif self.details.status is not ProductStatus.ARCHIVED:
            self.details = replace(self.details, status=ProductStatus.ARCHIVED)
            self.updated_at = now
            self._record(ProductArchived(product_id=self.id, occurred_at=now))
