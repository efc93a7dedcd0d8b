from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.kernel import MAX_AMOUNT, AmountOutOfRange, DomainEvent, Money
from app.domain.ordering.order import (
    MixedCurrency,
    Order,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    OrderState,
    OrderStatus,
    order_number,
    total_of,
)
from app.shared.ids import OrderId
from app.shared.json_bytes import json_bytes
from tests.support.builders import HOLD, a_line, an_order
from tests.support.fakes import NOON
from tests.support.ledger import read_event, state

LATER = NOON + timedelta(minutes=1)
Act = Callable[[Order], None]
ACTS: dict[str, Act] = {
    "confirm": lambda order: order.confirm(now=LATER),
    "cancel": lambda order: order.cancel(reason="changed my mind", now=LATER),
    "expire": lambda order: order.expire(now=NOON + HOLD),
}
AFTER = {
    "pending": {"confirm": "confirmed", "cancel": "cancelled", "expire": "expired"},
    "confirmed": {"cancel": "cancelled"},
    "cancelled": {},
    "expired": {},
}
"""The whole state machine."""


def reached(status: str) -> Order:
    order = an_order()
    for act in {"pending": [], "confirmed": ["confirm"], "cancelled": ["cancel"], "expired": ["expire"]}[status]:
        ACTS[act](order)
    return order


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("status", AFTER)
def test_each_state_allows_what_the_table_says_and_refuses_the_rest(status: str, act: str) -> None:
    order = reached(status)
    before = state(order)
    if act in AFTER[status]:
        ACTS[act](order)
        assert order.status == AFTER[status][act]
    else:
        with pytest.raises(OrderState) as refusal:
            ACTS[act](order)
        assert refusal.value.extra["order_status"] == status
        assert state(order) == before


def test_a_placed_order_is_pending_and_says_so() -> None:
    order = an_order(a_line(2), a_line(3, Money(250, "EUR")))

    assert order.status is OrderStatus.PENDING
    assert order.total == Money(2_750, "EUR")
    [placed] = order.pending_events
    assert isinstance(placed, OrderPlaced)
    assert (placed.total, placed.expires_at, placed.occurred_at) == (order.total, NOON + HOLD, NOON)


def test_confirming_and_cancelling_note_when_and_why() -> None:
    order = an_order()

    order.confirm(now=NOON)
    order.cancel(reason="rain", now=LATER)

    assert (order.confirmed_at, order.cancelled_at, order.cancel_reason) == (NOON, LATER, "rain")
    assert order.pending_events[1:] == (
        OrderConfirmed(order_id=order.id, occurred_at=NOON),
        OrderCancelled(order_id=order.id, reason="rain", occurred_at=LATER),
    )


def test_an_order_does_not_expire_before_its_time() -> None:
    order = an_order()

    with pytest.raises(OrderState):
        order.expire(now=NOON + HOLD - timedelta(microseconds=1))
    order.expire(now=NOON + HOLD)

    assert order.pending_events[-1] == OrderExpired(order_id=order.id, occurred_at=NOON + HOLD)


def test_a_late_confirmation_wins_until_the_expiry_has_happened() -> None:
    order = an_order()

    order.confirm(now=NOON + 2 * HOLD)

    assert order.status is OrderStatus.CONFIRMED


@pytest.mark.parametrize("path", [[], ["confirm"], ["cancel"], ["confirm", "cancel"], ["expire"]])
def test_an_order_rebuilt_from_its_recorded_events_is_the_same(path: list[str]) -> None:
    order = an_order(a_line(2), a_line(1, Money(7, "EUR")))
    for act in path:
        ACTS[act](order)

    again = Order.rebuild(read_event(event.type, json_bytes(event).decode()) for event in order.pending_events)

    assert state(again) == state(order)
    assert again.pending_events == ()


@pytest.mark.parametrize("history", [[], [OrderConfirmed(order_id=OrderId(UUID(int=1)), occurred_at=NOON)]])
def test_a_history_that_begins_with_no_placement_is_refused(history: list[DomainEvent]) -> None:
    with pytest.raises(ValueError, match="begins with its placement"):
        Order.rebuild(history)


def test_an_event_the_order_does_not_know_is_refused() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Eaten(DomainEvent):
        type: ClassVar[str] = "order.eaten"

    with pytest.raises(TypeError, match="does not know Eaten"):
        Order.rebuild([*an_order().pending_events, Eaten(occurred_at=NOON)])


@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 10**12)), min_size=1, max_size=100))
def test_the_total_is_the_sum_of_the_lines_or_refused(basket: list[tuple[int, int]]) -> None:
    exact = sum(quantity * price for quantity, price in basket)
    try:
        total = total_of(tuple(a_line(quantity, Money(price, "EUR")) for quantity, price in basket))
    except AmountOutOfRange:
        assert exact > MAX_AMOUNT
    else:
        assert total == Money(exact, "EUR")


def test_two_currencies_in_one_order_are_refused() -> None:
    with pytest.raises(MixedCurrency):
        an_order(a_line(), a_line(1, Money(5, "USD")))


def test_an_order_number_is_readable_and_made_of_the_random_bits_only() -> None:
    number = order_number(OrderId(UUID("01936f60-0d4e-7c11-8a52-6d1f0e9b7a34")))

    assert number == order_number(OrderId(UUID("ffffffff-0d4e-7c11-8a52-6d1f0e9b7a34")))
    assert len(number) == len("HT-6D1F0-E9B7A")
    assert not set(number[3:]) & set("ILOU")


@given(st.integers(0, 2**50 - 1), st.integers(0, 2**50 - 1))
def test_other_bits_give_another_number(one: int, two: int) -> None:
    same = order_number(OrderId(UUID(int=one))) == order_number(OrderId(UUID(int=two)))
    assert same == (one == two)
