"""Stock pools: how many pieces there are, and who has them. Pure: what a batch of orders gets is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.catalog.product import CapacityBelowTaken
from app.domain.kernel import RuleBroken
from app.shared.ids import PoolId, ProductId


class SoldOut(RuleBroken):
    """Fewer pieces are left than were asked for; `available` says how many."""

    code = "sold_out"


@dataclass(frozen=True, slots=True)
class Demand:
    product_id: ProductId
    pool_id: PoolId
    quantity: int


@dataclass(slots=True)
class StockPool:
    """One counter row: `held + sold <= capacity` always; no capacity means no limit.

    `taken` counts every piece ever reserved, so that a product that once sold can be told from one that never did.
    """

    id: PoolId
    capacity: int | None
    held: int
    sold: int
    taken: int = 0

    @property
    def available(self) -> int | None:
        return None if self.capacity is None else self.capacity - self.held - self.sold

    def has(self, quantity: int) -> bool:
        available = self.available
        return available is None or quantity <= available

    def resize(self, capacity: int | None) -> None:
        """None is no limit. Raises CapacityBelowTaken."""
        if capacity is not None and capacity < self.held + self.sold:
            raise CapacityBelowTaken("More pieces are held or sold than that; choose a capacity of at least their sum.")
        self.capacity = capacity


Pools = Mapping[PoolId, StockPool]


def demand_per_pool(demands: Sequence[Demand]) -> dict[PoolId, int]:
    sums: dict[PoolId, int] = {}
    for demand in demands:
        sums[demand.pool_id] = sums.get(demand.pool_id, 0) + demand.quantity
    return sums


def reserve(pools: Pools, demands: Sequence[Demand]) -> None:
    """Holds all of `demands` or nothing: a refusal leaves every pool as it was. Raises SoldOut."""
    sums = demand_per_pool(demands)
    for demand in demands:
        pool = pools[demand.pool_id]
        if not pool.has(sums[demand.pool_id]):
            raise SoldOut(
                "Fewer pieces are left than you ask for; order at most the number available.",
                product_id=str(demand.product_id),
                available=pool.available,
            )
    for pool_id, quantity in sums.items():
        pools[pool_id].held += quantity
        pools[pool_id].taken += quantity


def sell(pools: Pools, demands: Sequence[Demand]) -> None:
    """Held pieces become sold ones; nothing is checked again, they were held."""
    for pool_id, quantity in demand_per_pool(demands).items():
        pools[pool_id].held -= quantity
        pools[pool_id].sold += quantity


def release(pools: Pools, demands: Sequence[Demand]) -> None:
    """Held pieces are free again."""
    for pool_id, quantity in demand_per_pool(demands).items():
        pools[pool_id].held -= quantity


def take_back(pools: Pools, demands: Sequence[Demand]) -> None:
    """Sold pieces are free again."""
    for pool_id, quantity in demand_per_pool(demands).items():
        pools[pool_id].sold -= quantity
