"""Every event there is has been judged: it leaves the system, or it is internal."""

from __future__ import annotations

import pytest

import app.domain
from app.application.webhooks.public_events import (
    INTERNAL_PREFIXES,
    PUBLIC_PREFIXES,
    UnknownEventType,
    check_filters,
    filters_of,
    is_public,
    known_filters,
    public_types,
)
from app.domain.kernel import DomainEvent
from tests.architecture.message_rules import defined

PREFIXES = {event.type.partition(".")[0] for event in defined(DomainEvent, app.domain)}


def test_every_prefix_of_an_event_is_public_or_internal() -> None:
    assert PREFIXES - PUBLIC_PREFIXES.keys() - INTERNAL_PREFIXES == set()
    assert PUBLIC_PREFIXES.keys() & INTERNAL_PREFIXES == set()


def test_what_is_called_public_exists() -> None:
    assert PUBLIC_PREFIXES.keys() - PREFIXES == set()


def test_sessions_and_accounts_never_leave() -> None:
    assert not any(is_public(type_) for type_ in ("session.opened", "account.registered", "webhook_endpoint.created"))
    assert {"order.placed", "product.changed"} <= set(public_types())


def test_an_event_is_asked_for_by_its_type_its_group_or_everything() -> None:
    assert filters_of("order.placed") == ("order.placed", "order.*", "*")
    assert set(filters_of("order.placed")) <= set(known_filters())


def test_filters_are_kept_once_in_their_order() -> None:
    assert check_filters(("order.*", "product.created", "order.*")) == ("order.*", "product.created")


@pytest.mark.parametrize("wrong", ["session.*", "order", "order.", "orde*", "order.dreamt", "**", "webhook.ping"])
def test_a_filter_for_nothing_is_refused_by_its_position(wrong: str) -> None:
    with pytest.raises(UnknownEventType) as refusal:
        check_filters(("*", wrong))
    assert [fault.pointer for fault in refusal.value.errors] == ["/events/1"]
    assert wrong not in refusal.value.message.split()
