"""What a batch of orders gets is a pure decision; here it is held against a model that knows nothing of pools."""

from __future__ import annotations

from copy import deepcopy
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalog.stock import Demand, SoldOut, StockPool, demand_per_pool, release, reserve, sell, take_back
from app.shared.ids import PoolId, ProductId

POOLS = [PoolId(UUID(int=n)) for n in range(1, 4)]
PRODUCTS = [ProductId(UUID(int=100 + n)) for n in range(6)]
"""Two products share each pool."""

Basket = list[tuple[int, int]]
baskets = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=5)
queues = st.lists(baskets, max_size=30)
capacities = st.lists(st.none() | st.integers(0, 40), min_size=3, max_size=3)


def demands(basket: Basket) -> list[Demand]:
    return [Demand(PRODUCTS[which], POOLS[which // 2], quantity) for which, quantity in basket]


def shelf(sizes: list[int | None]) -> dict[PoolId, StockPool]:
    return {pool: StockPool(pool, size, 0, 0) for pool, size in zip(POOLS, sizes, strict=True)}


def refused(pools: dict[PoolId, StockPool], basket: Basket) -> SoldOut | None:
    try:
        reserve(pools, demands(basket))
    except SoldOut as refusal:
        return refusal
    return None


def decide(pools: dict[PoolId, StockPool], queue: list[Basket]) -> list[bool]:
    return [refused(pools, basket) is None for basket in queue]


def model(sizes: list[int | None], queue: list[Basket]) -> list[bool]:
    """Pieces in a bag per pool, taken one by one; who can't have all puts them back."""
    left = [10**9 if size is None else size for size in sizes]
    answers = []
    for basket in queue:
        after = list(left)
        for which, quantity in basket:
            after[which // 2] -= quantity
        fits = min(after) >= 0
        left = after if fits else left
        answers.append(fits)
    return answers


@given(capacities, queues)
def test_who_comes_first_is_served_first(sizes: list[int | None], queue: list[Basket]) -> None:
    assert decide(shelf(sizes), queue) == model(sizes, queue)


@given(capacities, queues)
def test_the_sum_of_what_was_given_never_exceeds_the_capacity(sizes: list[int | None], queue: list[Basket]) -> None:
    pools = shelf(sizes)

    answers = decide(pools, queue)

    given_out = [demand for basket, served in zip(queue, answers, strict=True) if served for demand in demands(basket)]
    assert {p.id: p.held for p in pools.values() if p.held} == demand_per_pool(given_out)
    assert all(p.capacity is None or p.held <= p.capacity for p in pools.values())
    assert all(p.taken == p.held for p in pools.values())


@given(capacities, queues, baskets)
def test_a_refusal_leaves_every_pool_as_it_was(sizes: list[int | None], queue: list[Basket], basket: Basket) -> None:
    pools = shelf(sizes)
    decide(pools, queue)
    before = deepcopy(pools)
    refusal = refused(pools, basket)
    if refusal is None:
        return
    assert pools == before
    named = ProductId(UUID(str(refusal.extra["product_id"])))
    pool = pools[POOLS[PRODUCTS.index(named) // 2]]
    assert refusal.extra["available"] == pool.available
    assert pool.available is not None
    assert demand_per_pool(demands(basket))[pool.id] > pool.available


@given(capacities, queues)
def test_a_refused_basket_changes_nothing_for_those_around_it(sizes: list[int | None], queue: list[Basket]) -> None:
    answers = decide(shelf(sizes), queue)
    served = [basket for basket, ok in zip(queue, answers, strict=True) if ok]

    assert decide(shelf(sizes), served) == [True] * len(served)


@given(capacities, queues)
def test_held_sold_and_free_follow_each_order(sizes: list[int | None], queue: list[Basket]) -> None:
    """Every order ends held, sold, released or taken back; the counters are those of the orders that still hold."""
    pools = shelf(sizes)
    held, sold, taken = [], [], []
    for n, (basket, ok) in enumerate(zip(queue, decide(pools, queue), strict=True)):
        if not ok:
            continue
        wanted = demands(basket)
        taken += wanted
        fate = n % 4
        if fate == 0:
            held += wanted
        elif fate == 1:
            release(pools, wanted)
        else:
            sell(pools, wanted)
            if fate == 2:
                sold += wanted
            else:
                take_back(pools, wanted)
    assert {p.id: p.held for p in pools.values() if p.held} == demand_per_pool(held)
    assert {p.id: p.sold for p in pools.values() if p.sold} == demand_per_pool(sold)
    assert {p.id: p.taken for p in pools.values() if p.taken} == demand_per_pool(taken)


def test_the_guard_is_what_keeps_the_sum_below_the_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without it the same queue oversells, so the properties above can fail."""
    queue: list[Basket] = [[(0, 1)]] * 50
    assert decide(shelf([10, 0, 0]), queue).count(True) == 10

    monkeypatch.setattr(StockPool, "has", lambda pool, quantity: True)
    pools = shelf([10, 0, 0])

    assert decide(pools, queue).count(True) == 50
    assert pools[POOLS[0]].held > 10


def test_two_products_of_one_pool_are_counted_together() -> None:
    pools = shelf([3, 0, 0])
    with pytest.raises(SoldOut) as refusal:
        reserve(pools, demands([(0, 2), (1, 2)]))

    assert refusal.value.extra == {"product_id": str(PRODUCTS[0]), "available": 3}
    assert pools[POOLS[0]].held == 0


def test_a_pool_without_capacity_has_no_limit() -> None:
    pool = StockPool(POOLS[0], None, 0, 0)

    reserve({pool.id: pool}, [Demand(PRODUCTS[0], pool.id, 10**9)])

    assert pool.available is None
    assert pool.held == 10**9
