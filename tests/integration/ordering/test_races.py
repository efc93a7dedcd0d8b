"""Two things happen to one order at once: one of them wins, the other is refused, and the stock is exact."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.application.catalog.contracts import Demand
from app.container import SystemClock
from app.domain.ordering.order import OrderState
from app.infrastructure.catalog.reconciler import drift
from app.infrastructure.catalog.shelf import SqlShelf
from app.infrastructure.database.scope import UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.ordering import repository
from app.shared.errors import ConcurrentChange
from tests.support.fakes import SettableClock
from tests.support.ledger import assert_the_books_agree
from tests.support.shop import Shop
from tests.support.system import Organizer, System

Act = Callable[[Shop, UUID], Awaitable[object]]
ACTS: dict[str, Act] = {"confirm": Shop.confirm, "cancel": Shop.cancel, "expire": Shop.expire}
HOUR = timedelta(hours=1)


@pytest.fixture
def two_processes(system: System, organizer: Organizer) -> tuple[Shop, Shop]:
    return Shop(system, organizer), Shop(system, organizer)


async def due_order(system: System, organizer: Organizer, quantity: int = 2) -> UUID:
    """A pending order whose hold ran out already."""
    product = await system.product(organizer, capacity=5)
    past = Shop(system, organizer, clock=SettableClock(SystemClock().now() - HOUR))
    return (await past.place(product.id, quantity=quantity)).id


async def stock(system: System, organizer: Organizer) -> tuple[int, int]:
    await assert_the_books_agree(system.application.database, organizer.tenant_id)
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        row = await connection.fetchrow("SELECT sum(held)::int AS held, sum(sold)::int AS sold FROM stock_pools")
    assert row is not None
    return row["held"], row["sold"]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("confirm", "expire", (0, 2)),
        ("expire", "confirm", (0, 0)),
        ("cancel", "expire", (0, 0)),
        ("expire", "cancel", (0, 0)),
        ("cancel", "confirm", (0, 0)),
    ],
)
@pytest.mark.parametrize("apart", [True, False])
async def test_whoever_comes_first_wins_and_the_other_is_refused(
    system: System,
    organizer: Organizer,
    two_processes: tuple[Shop, Shop],
    first: str,
    second: str,
    left: tuple[int, int],
    apart: bool,
) -> None:
    """In two processes, or both in one."""
    one, two = two_processes
    order = await due_order(system, organizer)
    await ACTS[first](one, order)

    with pytest.raises(OrderState):
        await ACTS[second](two if apart else one, order)

    assert await stock(system, organizer) == left


@pytest.mark.parametrize("pair", [("confirm", "expire"), ("cancel", "expire"), ("confirm", "confirm")])
async def test_at_the_same_moment_exactly_one_of_two_wins(
    system: System, organizer: Organizer, two_processes: tuple[Shop, Shop], pair: tuple[str, str]
) -> None:
    orders = [await due_order(system, organizer) for _ in range(15)]

    results = await asyncio.gather(
        *(ACTS[act](shop, order) for order in orders for act, shop in zip(pair, two_processes, strict=True)),
        return_exceptions=True,
    )

    for one, two in zip(results[::2], results[1::2], strict=True):
        assert isinstance(one, OrderState) != isinstance(two, OrderState)
    await stock(system, organizer)


async def test_a_confirmation_and_a_cancellation_may_both_happen_in_that_order_only(
    system: System, organizer: Organizer, two_processes: tuple[Shop, Shop]
) -> None:
    one, two = two_processes
    orders = [await due_order(system, organizer) for _ in range(15)]

    results = await asyncio.gather(
        *(act for order in orders for act in (one.confirm(order), two.cancel(order))), return_exceptions=True
    )

    assert not any(isinstance(result, OrderState) for result in results[1::2])
    assert {result.status for result in results[1::2] if not isinstance(result, BaseException)} == {"cancelled"}
    assert await stock(system, organizer) == (0, 0)


async def test_placing_confirming_cancelling_and_expiring_all_at_once_keeps_the_books(
    system: System, organizer: Organizer, two_processes: tuple[Shop, Shop]
) -> None:
    product = await system.product(organizer, capacity=30)
    past = Shop(system, organizer, clock=SettableClock(SystemClock().now() - HOUR))
    due = [(await past.place(product.id)).id for _ in range(15)]
    one, two = two_processes

    await asyncio.gather(
        *(one.confirm(order) for order in due[:10]),
        *(two.cancel(order) for order in due[5:15]),
        *(two.expire(order) for order in due),
        *(shop.place(product.id, quantity=2) for shop in two_processes for _ in range(15)),
        return_exceptions=True,
    )

    held, sold = await stock(system, organizer)
    assert held + sold <= 30


async def test_without_the_lock_both_read_a_pending_order_and_its_version_stops_the_second(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the lock: with it the second finds the order ended; without it only the version is left."""
    product = await system.product(organizer, capacity=9)
    past = Shop(system, organizer, clock=SettableClock(SystemClock().now() - HOUR))
    order, _ = await past.place(product.id, quantity=2), await past.place(product.id, quantity=2)
    monkeypatch.setattr(repository, "_LOCK", repository._LOCK.replace(" FOR UPDATE", ""))
    both_read = asyncio.Barrier(2)
    load = SqlShelf.load

    async def load_when_both_have_read(shelf: SqlShelf, products: Any, pools: Any = ()) -> None:
        if not shelf._pools:
            await asyncio.wait_for(both_read.wait(), 5)
        await load(shelf, products, pools)

    monkeypatch.setattr(SqlShelf, "load", load_when_both_have_read)
    one, two = Shop(system, organizer), Shop(system, organizer)
    results = await asyncio.gather(one.confirm(order.id), two.expire(order.id), return_exceptions=True)

    assert sum(isinstance(result, ConcurrentChange) for result in results) == 1
    assert await drift(system.application.database, organizer.tenant_id) == []


async def test_stock_that_moves_without_its_order_drifts(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of every check above: a shelf that forgets to release is noticed."""

    async def forget(shelf: SqlShelf, demands: object) -> None:
        await shelf.load((), ())

    monkeypatch.setattr(SqlShelf, "release", forget)
    order = await due_order(system, organizer)
    await Shop(system, organizer).cancel(order)

    [found] = await drift(system.application.database, organizer.tenant_id)

    assert (found.counted[0], found.true[0]) == (2, 0)


async def test_the_shelf_loads_what_was_not_prepared(system: System, organizer: Organizer) -> None:
    """Outside a lane nobody prepares: the shelf locks what a handler asks for, once."""
    product = await system.product(organizer, capacity=5)
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        work = UnitOfWork(connection, organizer.tenant_id, Shop(system, organizer).ids)
        shelf = SqlShelf(work)
        offer = (await shelf.offers([product.id]))[product.id]
        await shelf.load([product.id], [offer.pool_id])
        demand = Demand(product.id, offer.pool_id, 2)
        shelf.reserve([demand])
        await shelf.sell([demand])
        await shelf.take_back([demand])
        shelf.reserve([demand])
        await shelf.release([demand])
        writes = Writes(connection)
        await work.flush(writes)
        await writes.send()
        row = await connection.fetchrow("SELECT held, sold, taken FROM stock_pools WHERE id = $1", offer.pool_id)
    assert row is not None
    assert tuple(row.values()) == (0, 0, 4)
