"""Who gets a message."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from app.infrastructure.messaging.transport import ALL, Subscription
from tests.support.peers import a_message

MESSAGE = a_message(UUID(int=1), type="order.placed")


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        (frozenset({"order.placed"}), True),
        (frozenset({"order.placed", "order.expired"}), True),
        (ALL, True),
        (frozenset({"order"}), False),
        (frozenset({"order.*"}), False),
        (frozenset[str](), False),
    ],
)
def test_it_wants_what_it_asked_for(types: frozenset[str], wanted: bool) -> None:
    assert Subscription(name="mail", types=types).wants(MESSAGE) is wanted


@pytest.mark.parametrize("types", [ALL, frozenset({"order.placed"}), frozenset({"something.else"})])
def test_what_is_directed_to_one_is_that_ones_whatever_it_asked_for(types: frozenset[str]) -> None:
    directed = replace(MESSAGE, subscriber="mail", unheard=frozenset({"mail"}))

    assert Subscription(name="mail", types=types).wants(directed)
    assert not Subscription(name="webhooks", types=ALL).wants(directed)


def test_who_has_no_use_for_it_is_spared() -> None:
    unheard = replace(MESSAGE, unheard=frozenset({"mail"}))

    assert not Subscription(name="mail", types=ALL).wants(unheard)
    assert Subscription(name="webhooks", types=ALL).wants(unheard)
