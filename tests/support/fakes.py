"""In-memory stand-ins for the ports of catalog and ordering; `tests/contract` holds them to the real adapters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.application.catalog.contracts import Offer
from app.domain.catalog import stock
from app.domain.catalog.product import Product, ProductNotFound, ProductStatus
from app.domain.catalog.stock import Demand, StockPool
from app.domain.ordering.order import Order, OrderNotFound
from app.shared.ids import OrderId, PoolId, ProductId

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class SettableClock:
    """Stands still until a test moves it."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass(slots=True)
class CountedIds:
    """1, 2, 3 …: an id tells in which order things were made."""

    last: int = 0

    def new(self) -> UUID:
        self.last += 1
        return UUID(int=self.last)


@dataclass(slots=True)
class FakeProducts:
    stored: dict[ProductId, Product] = field(default_factory=dict)
    pools: dict[PoolId, StockPool] = field(default_factory=dict)

    def add(self, product: Product) -> None:
        self.stored[product.id] = product
        self.pools[product.pool_id] = StockPool(product.pool_id, product.details.capacity, 0, 0)

    async def get(self, product_id: ProductId) -> Product:
        if product_id not in self.stored:
            raise ProductNotFound("There is no such product.")
        return self.stored[product_id]

    async def lock_stock(self, product: Product) -> StockPool:
        if product.pool_id not in self.pools:
            raise ProductNotFound("There is no such product.")
        return self.pools[product.pool_id]


@dataclass(slots=True)
class FakeOrders:
    stored: dict[OrderId, Order] = field(default_factory=dict)

    def add(self, order: Order) -> None:
        self.stored[order.id] = order

    async def get(self, order_id: OrderId) -> Order:
        if order_id not in self.stored:
            raise OrderNotFound("There is no such order.")
        return self.stored[order_id]


@dataclass(slots=True)
class FakeShelf:
    """Takes from the pools of `products`, as the products stand there."""

    products: FakeProducts

    async def load(self, product_ids: Collection[ProductId], pool_ids: Collection[PoolId] = ()) -> None:
        """All is in memory."""

    async def offers(self, product_ids: Collection[ProductId]) -> Mapping[ProductId, Offer]:
        found = self.products.stored
        return {wanted: _offer(found[wanted]) for wanted in product_ids if wanted in found}

    def reserve(self, demands: Sequence[Demand]) -> None:
        stock.reserve(self.products.pools, demands)

    async def sell(self, demands: Sequence[Demand]) -> None:
        stock.sell(self.products.pools, demands)

    async def release(self, demands: Sequence[Demand]) -> None:
        stock.release(self.products.pools, demands)

    async def take_back(self, demands: Sequence[Demand]) -> None:
        stock.take_back(self.products.pools, demands)


def _offer(product: Product) -> Offer:
    details = product.details
    return Offer(
        product_id=product.id,
        pool_id=product.pool_id,
        name=details.name,
        price=details.price,
        active=details.status is ProductStatus.ACTIVE,
        max_per_order=details.max_per_order,
        sale_starts_at=details.sale_starts_at,
        sale_ends_at=details.sale_ends_at,
    )
