from __future__ import annotations

import pytest

from app.application.catalog.commands.change_product import ChangeProduct, ChangeProductHandler
from app.application.catalog.commands.create_product import CreateProduct, CreateProductHandler
from app.application.catalog.commands.delete_product import DeleteProduct, DeleteProductHandler
from app.domain.catalog.product import CapacityBelowTaken, ProductNotFound, ProductStatus
from app.domain.catalog.stock import Demand, reserve
from app.shared.errors import StaleVersion
from tests.support.builders import a_product, details
from tests.support.fakes import NOON, CountedIds, FakeProducts, SettableClock


def on_sale(
    capacity: int | None = 5, taken: int = 0
) -> tuple[FakeProducts, ChangeProductHandler, DeleteProductHandler]:
    products = FakeProducts()
    product = a_product(capacity=capacity)
    products.add(product)
    if taken:
        reserve(products.pools, [Demand(product.id, product.pool_id, taken)])
    clock = SettableClock()
    return products, ChangeProductHandler(products, clock), DeleteProductHandler(products, clock)


@pytest.mark.parametrize(("given", "kept"), [("A-1", "A-1"), ("", "P-000000000001")])
async def test_a_product_keeps_its_sku_or_gets_one(given: str, kept: str) -> None:
    products = FakeProducts()
    create = CreateProductHandler(products, SettableClock(), CountedIds())

    view = await create.handle(CreateProduct(details=details(sku=given, capacity=7)))

    assert (view.sku, view.available, view.version, view.created_at) == (kept, 7, 1, NOON)
    assert products.stored[view.id].details.sku == kept


async def test_a_change_shows_what_is_left_of_the_new_capacity() -> None:
    products, change, _ = on_sale(capacity=5, taken=2)
    [product] = products.stored

    view = await change.handle(ChangeProduct(product_id=product, changes={"capacity": 8}, expected_version=1))

    assert (view.capacity, view.available, view.version) == (8, 6, 2)


async def test_a_capacity_below_what_is_taken_is_refused() -> None:
    products, change, _ = on_sale(capacity=5, taken=3)
    [product] = products.stored

    with pytest.raises(CapacityBelowTaken):
        await change.handle(ChangeProduct(product_id=product, changes={"capacity": 2}))


async def test_a_stale_version_is_refused_by_change_and_delete() -> None:
    products, change, delete = on_sale()
    [product] = products.stored

    with pytest.raises(StaleVersion):
        await change.handle(ChangeProduct(product_id=product, changes={"name": "x"}, expected_version=2))
    with pytest.raises(StaleVersion):
        await delete.handle(DeleteProduct(product_id=product, expected_version=2))


async def test_an_unknown_product_is_not_found() -> None:
    _, change, delete = on_sale()
    unknown = a_product().id

    with pytest.raises(ProductNotFound):
        await change.handle(ChangeProduct(product_id=unknown, changes={}))
    with pytest.raises(ProductNotFound):
        await delete.handle(DeleteProduct(product_id=unknown))


@pytest.mark.parametrize(("taken", "erased"), [(0, True), (1, False)])
async def test_a_deleted_product_is_erased_unless_pieces_were_ever_taken(taken: int, erased: bool) -> None:
    products, _, delete = on_sale(taken=taken)
    [product] = products.stored.values()

    await delete.handle(DeleteProduct(product_id=product.id))

    assert product.erased is erased
    assert (product.details.status is ProductStatus.ARCHIVED) is not erased
