from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.application.ordering.quote import NotOnSale, OverLimit, UnknownProduct, Wanted, demands_of, quote
from app.application.ordering.views import view_of
from app.domain.kernel import Money
from app.domain.ordering.order import total_of
from tests.support.builders import an_offer, an_order
from tests.support.fakes import NOON


def test_each_item_becomes_a_line_at_the_price_of_now() -> None:
    offer = an_offer(price=Money(450, "EUR"))

    [line] = quote([Wanted(offer.product_id, 3)], {offer.product_id: offer}, NOON)

    assert (line.product_id, line.pool_id, line.name) == (offer.product_id, offer.pool_id, offer.name)
    assert (line.quantity, line.unit_price, line.total) == (3, Money(450, "EUR"), Money(1_350, "EUR"))
    assert [(d.product_id, d.pool_id, d.quantity) for d in demands_of([line])] == [(line.product_id, line.pool_id, 3)]


def test_an_unknown_product_is_named_by_its_place() -> None:
    known, unknown = an_offer(), an_offer()
    wanted = [Wanted(known.product_id, 1), Wanted(unknown.product_id, 1)]

    with pytest.raises(UnknownProduct) as refusal:
        quote(wanted, {known.product_id: known}, NOON)

    assert refusal.value.errors[0].pointer == "/items/1/product_id"


def test_a_product_whose_sale_is_over_is_not_on_sale() -> None:
    offer = an_offer(sale_ends_at=NOON - timedelta(seconds=1))

    with pytest.raises(NotOnSale) as refusal:
        quote([Wanted(offer.product_id, 1)], {offer.product_id: offer}, NOON)

    assert refusal.value.extra == {"product_id": str(offer.product_id)}


def test_the_limit_counts_all_items_of_one_product() -> None:
    offer = an_offer(max_per_order=4)
    offers = {offer.product_id: offer}
    assert len(quote([Wanted(offer.product_id, 2), Wanted(offer.product_id, 2)], offers, NOON)) == 2

    with pytest.raises(OverLimit) as refusal:
        quote([Wanted(offer.product_id, 3), Wanted(offer.product_id, 2)], offers, NOON)

    assert refusal.value.errors[0].pointer == "/items/1/quantity"
    assert refusal.value.extra["max_per_order"] == 4


@settings(max_examples=20)
@given(st.integers())
def test_totals_equal_the_sum_of_lines_for_thousands_of_baskets(seed: int) -> None:
    """Twenty examples of five hundred baskets each."""
    dice = random.Random(seed)
    offers = {o.product_id: o for o in (an_offer(price=Money(dice.randrange(10**6), "EUR")) for _ in range(20))}
    for _ in range(500):
        wanted = [Wanted(dice.choice(list(offers)), dice.randint(1, 99)) for _ in range(dice.randint(1, 8))]
        lines = quote(wanted, offers, NOON)
        exact = sum(offers[item.product_id].price.amount * item.quantity for item in wanted)
        assert total_of(lines).amount == exact == sum(line.total.amount for line in lines)


def test_what_a_client_sees_adds_up() -> None:
    view = view_of(an_order())

    assert sum(item.total.amount for item in view.items) == view.total.amount
