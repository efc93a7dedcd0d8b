"""The ports of catalog and ordering: one suite, run on the fakes of the handler tests and on the real adapters."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest

from app.application.catalog.contracts import Demand, Shelf, SoldOut
from app.container import TimeOrderedIds
from app.domain.catalog.ports import ProductRepository
from app.domain.catalog.product import Product, ProductKind, ProductNotFound, ProductStatus
from app.domain.kernel import Money
from app.domain.ordering.order import OrderNotFound
from app.domain.ordering.ports import OrderRepository
from app.infrastructure.catalog.repository import SqlProductRepository
from app.infrastructure.catalog.wiring import shelf_of
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.ordering.repository import SqlOrderRepository
from app.shared.errors import ConcurrentChange
from app.shared.ids import OrderId, ProductId
from tests.support.builders import a_context, a_line, a_product, an_offer, an_order
from tests.support.fakes import NOON, FakeOrders, FakeProducts, FakeShelf
from tests.support.ledger import state
from tests.support.system import Organizer, System


@dataclass
class Ports:
    products: ProductRepository
    orders: OrderRepository
    shelf: Shelf


Opened = Callable[[], AbstractAsyncContextManager[Ports]]
"""Each `async with` is one transaction, committed at its end."""


@pytest.fixture
def fakes() -> Opened:
    products, orders = FakeProducts(), FakeOrders()

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Ports]:
        yield Ports(products, orders, FakeShelf(products))
        for product in [one for one in products.stored.values() if one.erased]:
            del products.stored[product.id], products.pools[product.pool_id]

    return opened


@pytest.fixture
def adapters(system: System, organizer: Organizer) -> Opened:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Ports]:
        async with system.application.database.transaction(organizer.tenant_id) as connection:
            work = UnitOfWork(connection, organizer.tenant_id, TimeOrderedIds())
            scope = Scope(work, a_context(organizer.tenant_id))
            yield Ports(SqlProductRepository(scope), SqlOrderRepository(scope), shelf_of(work))
            scope.close()
            writes = Writes(connection)
            await work.flush(writes)
            await writes.send()

    return opened


@pytest.fixture(params=["fakes", "adapters"])
def opened(request: pytest.FixtureRequest) -> Opened:
    found: Opened = request.getfixturevalue(request.param)
    return found


async def stocked(opened: Opened, product: Product) -> Product:
    async with opened() as ports:
        ports.products.add(product)
    return product


def full_product() -> Product:
    return a_product(
        name="Straße — “quoted” \\ %_ ' 🎟",
        description="Two\nlines",
        kind=ProductKind.MERCHANDISE,
        price=Money(0, "JPY"),
        capacity=0,
        status=ProductStatus.ARCHIVED,
        max_per_order=3,
        sale_starts_at=NOON,
        sale_ends_at=NOON + timedelta(microseconds=1),
    )


@pytest.mark.parametrize("make", [a_product, full_product])
async def test_a_product_is_loaded_as_it_was_saved(opened: Opened, make: Callable[[], Product]) -> None:
    product = await stocked(opened, make())

    async with opened() as ports:
        loaded = await ports.products.get(product.id)
        pool = await ports.products.lock_stock(loaded)

    assert (loaded.details, loaded.pool_id, loaded.version) == (product.details, product.pool_id, 1)
    assert (loaded.created_at, loaded.updated_at) == (NOON, NOON)
    assert (pool.capacity, pool.held, pool.sold, pool.taken) == (product.details.capacity, 0, 0, 0)


async def test_what_is_changed_on_a_loaded_product_is_saved(opened: Opened) -> None:
    product = await stocked(opened, a_product(capacity=5))
    later = NOON + timedelta(hours=1)
    async with opened() as ports:
        (await ports.products.get(product.id)).change(now=later, name="Sunday", sku="SUN")

    async with opened() as ports:
        again = await ports.products.get(product.id)

    assert (again.details.name, again.details.sku, again.updated_at, again.version) == ("Sunday", "SUN", later, 2)


async def test_an_erased_product_and_its_pool_are_gone(opened: Opened) -> None:
    product = await stocked(opened, a_product())
    async with opened() as ports:
        (await ports.products.get(product.id)).retire(ever_sold=False, now=NOON)

    async with opened() as ports:
        with pytest.raises(ProductNotFound):
            await ports.products.get(product.id)
        with pytest.raises(ProductNotFound):
            await ports.products.lock_stock(product)


async def test_an_unknown_product_or_order_is_not_found(opened: Opened) -> None:
    async with opened() as ports:
        with pytest.raises(ProductNotFound):
            await ports.products.get(ProductId(uuid4()))
        with pytest.raises(OrderNotFound):
            await ports.orders.get(OrderId(uuid4()))


async def test_an_order_is_loaded_as_it_was_saved_with_its_lines_in_order(opened: Opened) -> None:
    one, two = await stocked(opened, a_product()), await stocked(opened, a_product())
    order = an_order(a_line(3, Money(1, "EUR"), two), a_line(1, product=one), a_line(2, product=two))
    async with opened() as ports:
        ports.orders.add(order)

    async with opened() as ports:
        loaded = await ports.orders.get(order.id)

    assert state(loaded) == state(order)


async def test_what_happens_to_a_loaded_order_is_saved(opened: Opened) -> None:
    product = await stocked(opened, a_product())
    order = an_order(a_line(product=product))
    async with opened() as ports:
        ports.orders.add(order)
    async with opened() as ports:
        loaded = await ports.orders.get(order.id)
        assert await ports.orders.get(order.id) is loaded
        loaded.confirm(now=NOON)
    async with opened() as ports:
        (await ports.orders.get(order.id)).cancel(reason="rain", now=NOON + timedelta(hours=1))

    async with opened() as ports:
        again = await ports.orders.get(order.id)

    assert (again.status, again.version, again.cancel_reason) == ("cancelled", 3, "rain")
    assert (again.confirmed_at, again.cancelled_at) == (NOON, NOON + timedelta(hours=1))


async def test_the_shelf_offers_what_exists_as_it_stands(opened: Opened) -> None:
    product = await stocked(opened, full_product())

    async with opened() as ports:
        offers = await ports.shelf.offers([product.id, ProductId(uuid4())])

    assert offers == {
        product.id: an_offer(
            product_id=product.id,
            pool_id=product.pool_id,
            name=product.details.name,
            price=product.details.price,
            active=False,
            max_per_order=3,
            sale_starts_at=NOON,
            sale_ends_at=NOON + timedelta(microseconds=1),
        )
    }


async def counters(opened: Opened, product: Product) -> tuple[int, int, int]:
    async with opened() as ports:
        pool = await ports.products.lock_stock(product)
        return pool.held, pool.sold, pool.taken


async def test_stock_moves_are_kept(opened: Opened) -> None:
    product = await stocked(opened, a_product(capacity=5))
    demand = [Demand(product.id, product.pool_id, 2)]
    expected = [
        ("reserve", (2, 0, 2)),
        ("sell", (0, 2, 2)),
        ("take_back", (0, 0, 2)),
        ("reserve", (2, 0, 4)),
        ("release", (0, 0, 4)),
    ]
    for move, after in expected:
        async with opened() as ports:
            await ports.shelf.load([product.id])
            if move == "reserve":
                ports.shelf.reserve(demand)
            else:
                await getattr(ports.shelf, move)(demand)
        assert await counters(opened, product) == after


async def test_a_demand_beyond_what_is_left_is_refused_and_moves_nothing(opened: Opened) -> None:
    one, two = await stocked(opened, a_product(capacity=5)), await stocked(opened, a_product(capacity=1))
    async with opened() as ports:
        await ports.shelf.load([one.id, two.id])
        with pytest.raises(SoldOut) as refusal:
            ports.shelf.reserve([Demand(one.id, one.pool_id, 2), Demand(two.id, two.pool_id, 2)])

    assert refusal.value.extra == {"product_id": str(two.id), "available": 1}
    assert await counters(opened, one) == await counters(opened, two) == (0, 0, 0)


async def test_of_two_who_loaded_one_product_the_second_to_save_is_refused(adapters: Opened) -> None:
    """Only the real adapter has two writers."""
    product = await stocked(adapters, a_product())

    async def both() -> None:
        async with adapters() as first:
            (await first.products.get(product.id)).change(now=NOON, name="first")
            async with adapters() as second:
                (await second.products.get(product.id)).change(now=NOON, name="second")

    with pytest.raises(ConcurrentChange):
        await both()

    async with adapters() as ports:
        assert (await ports.products.get(product.id)).details.name == "second"
