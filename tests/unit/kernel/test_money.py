from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.kernel import MAX_AMOUNT, AmountOutOfRange, Money

AMOUNTS = st.integers(-MAX_AMOUNT, MAX_AMOUNT)


@given(AMOUNTS, AMOUNTS)
def test_a_sum_is_exact_or_refused(one: int, two: int) -> None:
    if abs(one + two) > MAX_AMOUNT:
        with pytest.raises(AmountOutOfRange):
            Money(one, "EUR") + Money(two, "EUR")
    else:
        assert Money(one, "EUR") + Money(two, "EUR") == Money(one + two, "EUR")


@given(AMOUNTS, st.integers(0, 10_000))
def test_a_multiple_is_exact_or_refused(amount: int, quantity: int) -> None:
    if abs(amount * quantity) > MAX_AMOUNT:
        with pytest.raises(AmountOutOfRange):
            Money(amount, "EUR").times(quantity)
    else:
        assert Money(amount, "EUR").times(quantity).amount == amount * quantity


def test_the_largest_amount_can_be_booked_and_one_more_can_not() -> None:
    assert Money(MAX_AMOUNT, "EUR").amount == MAX_AMOUNT
    with pytest.raises(AmountOutOfRange):
        Money(MAX_AMOUNT + 1, "EUR")


def test_currencies_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="cannot add USD to EUR"):
        Money(1, "EUR") + Money(1, "USD")
