"""What other contexts may use of catalog: what is on offer, the shelf it is taken from, and products' images."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.catalog.product import ProductNotFound as ProductNotFound  # noqa: PLC0414 — re-exported: `shown` raises it
from app.domain.catalog.stock import Demand as Demand  # noqa: PLC0414 — re-exported: the contract's own vocabulary
from app.domain.catalog.stock import SoldOut as SoldOut  # noqa: PLC0414 — re-exported: what `reserve` raises
from app.domain.kernel import Money
from app.shared.ids import FileId, PoolId, ProductId


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A product as a buyer meets it now."""

    product_id: ProductId
    pool_id: PoolId
    name: str
    price: Money
    active: bool
    max_per_order: int | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None

    def on_sale(self, now: datetime) -> bool:
        started = self.sale_starts_at is None or self.sale_starts_at <= now
        ended = self.sale_ends_at is not None and self.sale_ends_at <= now
        return self.active and started and not ended


class Shelf(Protocol):
    """One transaction's view of the stock it has locked. Pools are always locked in id order, all at once."""

    async def load(self, product_ids: Collection[ProductId], pool_ids: Collection[PoolId] = ()) -> None:
        """Locks the pools of these products, and these pools; what is loaded already is not loaded again."""
        ...

    async def offers(self, product_ids: Collection[ProductId]) -> Mapping[ProductId, Offer]:
        """Those that exist, by id; loads what was not loaded before."""
        ...

    def reserve(self, demands: Sequence[Demand]) -> None:
        """Free → held, all or nothing. Raises SoldOut."""
        ...

    async def sell(self, demands: Sequence[Demand]) -> None:
        """Held → sold."""
        ...

    async def release(self, demands: Sequence[Demand]) -> None:
        """Held → free."""
        ...

    async def take_back(self, demands: Sequence[Demand]) -> None:
        """Sold → free."""
        ...


class ProductImages(Protocol):
    """Which file each product shows, in one transaction; a product is read and changed at one version."""

    async def shown(self, product_id: UUID, expected_version: int | None) -> FileId | None:
        """Raises ProductNotFound and StaleVersion."""
        ...

    async def show(self, product_id: UUID, file_id: FileId | None) -> None:
        """None shows none. Raises ProductNotFound."""
        ...
