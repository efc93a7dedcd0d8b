from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.builders import an_offer
from tests.support.fakes import NOON

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("window", "on_sale"),
    [
        ({}, True),
        ({"active": False}, False),
        ({"sale_starts_at": NOON}, True),
        ({"sale_starts_at": NOON + SECOND}, False),
        ({"sale_ends_at": NOON + SECOND}, True),
        ({"sale_ends_at": NOON}, False),
        ({"sale_starts_at": NOON - SECOND, "sale_ends_at": NOON + SECOND}, True),
    ],
)
def test_an_offer_is_on_sale_from_its_start_until_just_before_its_end(window: dict[str, object], on_sale: bool) -> None:
    assert an_offer(**window).on_sale(NOON) is on_sale
