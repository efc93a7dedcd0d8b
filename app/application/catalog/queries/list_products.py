from __future__ import annotations

from dataclasses import dataclass

from app.application.catalog.views import ProductView
from app.application.paging import Page, PageRequest
from app.domain.catalog.product import ProductKind, ProductStatus
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProducts(Query[Page[ProductView]]):
    """A page of the catalogue; `search` is found anywhere in name or sku, whatever the case."""

    page: PageRequest
    status: ProductStatus | None = None
    kind: ProductKind | None = None
    search: str | None = None
