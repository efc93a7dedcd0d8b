from __future__ import annotations

import pytest

from app.shared.errors import StaleVersion
from tests.support.builders import an_order
from tests.support.fakes import NOON


def test_the_version_counts_events_and_the_stored_one_those_written() -> None:
    order = an_order()
    assert (order.version, order.stored_version) == (1, 0)

    order.confirm(now=NOON)

    assert (order.version, order.stored_version) == (2, 0)
    assert len(order.pending_events) == 2


@pytest.mark.parametrize("expected", [None, 1])
def test_the_current_version_or_none_is_as_expected(expected: int | None) -> None:
    an_order().expect_version(expected)


@pytest.mark.parametrize("expected", [0, 2])
def test_another_version_is_stale(expected: int) -> None:
    with pytest.raises(StaleVersion):
        an_order().expect_version(expected)
