from __future__ import annotations

from dataclasses import dataclass

from app.application.paging import Page, PageRequest
from app.shared.ids import PoolId, ProductId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCount:
    """Pieces that pending orders hold, that confirmed ones bought, and that any order ever took."""

    held: int
    sold: int
    taken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockDriftView:
    """A pool whose counters differ from its orders; `true` is what the orders say."""

    pool_id: PoolId
    product_id: ProductId | None
    counted: StockCount
    true: StockCount


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStockDrift(Query[Page[StockDriftView]]):
    """Stock pools that have drifted from their orders; none when all is well."""

    page: PageRequest
