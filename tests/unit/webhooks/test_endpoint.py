from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.webhooks.endpoint import (
    DisabledReason,
    EndpointStatus,
    WebhookEndpoint,
    WebhookEndpointChanged,
    WebhookState,
)
from app.domain.webhooks.ids import WebhookId
from tests.support.fakes import NOON

LATER = NOON + timedelta(hours=1)


def an_endpoint() -> WebhookEndpoint:
    return WebhookEndpoint.create(
        id=WebhookId(UUID(int=1)),
        url="https://shop.example.com/",
        events=("order.*",),
        description="",
        secret=b"sealed",
        now=NOON,
    )


def types(endpoint: WebhookEndpoint) -> list[str]:
    return [event.type for event in endpoint.pending_events]


def test_a_new_endpoint_is_active_and_its_event_tells_no_secret() -> None:
    endpoint = an_endpoint()
    assert (endpoint.status, types(endpoint)) == ("active", ["webhook_endpoint.created"])
    assert "sealed" not in repr(endpoint.pending_events) + repr(endpoint)
    assert "shop.example.com" not in repr(endpoint.pending_events)


def test_a_change_names_what_is_different() -> None:
    endpoint = an_endpoint()
    endpoint.change(now=LATER, url="https://other.example.com/", events=("order.*",), status=EndpointStatus.PAUSED)
    event = endpoint.pending_events[-1]
    assert isinstance(event, WebhookEndpointChanged)
    assert (event.changed, event.status, endpoint.updated_at) == (("url", "status"), "paused", LATER)


def test_the_same_again_changes_nothing() -> None:
    endpoint = an_endpoint()
    endpoint.change(now=LATER, url=endpoint.url, description="", status=EndpointStatus.ACTIVE)
    endpoint.change(now=LATER)
    assert (endpoint.version, endpoint.updated_at) == (1, NOON)


def test_rotation_keeps_the_secret_before_for_a_while() -> None:
    endpoint = an_endpoint()
    endpoint.rotate(secret=b"new", previous_until=LATER, now=NOON)
    endpoint.rotate(secret=b"newer", previous_until=LATER, now=NOON)
    assert (endpoint.secret, endpoint.previous_secret, endpoint.previous_until) == (b"newer", b"new", LATER)


def test_a_disabled_endpoint_is_enabled_not_changed_to_active() -> None:
    endpoint = an_endpoint()
    endpoint.disable(reason=DisabledReason.GONE_410, now=LATER)
    endpoint.disable(reason=DisabledReason.FAILING_FOR_DAYS, now=LATER)
    assert (endpoint.disabled_reason, endpoint.version) == ("gone_410", 2)
    with pytest.raises(WebhookState):
        endpoint.change(now=LATER, status=EndpointStatus.ACTIVE)
    with pytest.raises(WebhookState):
        endpoint.require_active()
    endpoint.change(now=LATER, description="repaired")
    endpoint.enable(now=LATER)
    assert (endpoint.status, endpoint.disabled_reason) == ("active", None)
    endpoint.require_active()


def test_an_active_endpoint_can_not_be_enabled() -> None:
    with pytest.raises(WebhookState):
        an_endpoint().enable(now=LATER)


def test_a_deleted_endpoint_has_no_secrets_and_stays_deleted() -> None:
    endpoint = an_endpoint()
    endpoint.rotate(secret=b"new", previous_until=LATER, now=NOON)
    endpoint.delete(now=LATER)
    endpoint.disable(reason=DisabledReason.GONE_410, now=LATER)
    assert (endpoint.status, endpoint.secret, endpoint.previous_secret) == ("deleted", b"", None)
