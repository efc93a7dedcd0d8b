from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.catalog.product import (
    ProductArchived,
    ProductChanged,
    ProductCreated,
    ProductErased,
    ProductStatus,
    SaleWindowInverted,
    made_sku,
)
from app.shared.ids import ProductId
from tests.support.builders import a_product, details
from tests.support.fakes import NOON

LATER = NOON + timedelta(hours=1)


def test_a_new_product_tells_that_it_was_created() -> None:
    product = a_product(name="Saturday")

    assert product.pending_events == (
        ProductCreated(product_id=product.id, pool_id=product.pool_id, details=product.details, occurred_at=NOON),
    )
    assert product.version == 1


def test_a_change_names_what_differs() -> None:
    product = a_product(name="Saturday", capacity=5)

    product.change(now=LATER, name="Sunday", capacity=5, max_per_order=2)

    assert (product.details.name, product.updated_at, product.version) == ("Sunday", LATER, 2)
    told = product.pending_events[-1]
    assert isinstance(told, ProductChanged)
    assert told.changed == ("name", "max_per_order")


def test_the_same_values_again_change_nothing() -> None:
    product = a_product(name="Saturday")

    product.change(now=LATER, name="Saturday")

    assert (product.version, product.updated_at) == (1, NOON)


@pytest.mark.parametrize("ends", [NOON, NOON - timedelta(seconds=1)])
def test_a_sale_can_not_end_before_it_starts(ends: object) -> None:
    with pytest.raises(SaleWindowInverted) as refusal:
        details(sale_starts_at=NOON, sale_ends_at=ends)

    assert refusal.value.errors[0].pointer == "/sale_ends_at"


def test_a_change_can_not_turn_the_window_round() -> None:
    product = a_product(sale_starts_at=NOON)

    with pytest.raises(SaleWindowInverted):
        product.change(now=LATER, sale_ends_at=NOON)

    assert product.details.sale_ends_at is None


def test_a_product_that_never_sold_is_erased() -> None:
    product = a_product()

    product.retire(ever_sold=False, now=LATER)

    assert product.erased
    assert product.pending_events[-1] == ProductErased(product_id=product.id, occurred_at=LATER)


def test_a_product_that_sold_is_archived_once() -> None:
    product = a_product()

    product.retire(ever_sold=True, now=LATER)
    product.retire(ever_sold=True, now=LATER)

    assert not product.erased
    assert product.details.status is ProductStatus.ARCHIVED
    assert product.pending_events[1:] == (ProductArchived(product_id=product.id, occurred_at=LATER),)


def test_a_made_sku_is_the_random_end_of_the_id() -> None:
    assert made_sku(ProductId(UUID("01936f5e-7c1a-7b52-9d0e-3f6a1b2c4d5e"))) == "P-3F6A1B2C4D5E"
