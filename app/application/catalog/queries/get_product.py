from __future__ import annotations

from dataclasses import dataclass

from app.application.catalog.views import ProductView
from app.shared.ids import ProductId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProduct(Query[ProductView]):
    """One product; `active_only` hides drafts and archived ones from buyers."""

    product_id: ProductId
    active_only: bool
