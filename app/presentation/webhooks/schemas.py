from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.domain.webhooks.endpoint import EndpointStatus
from app.presentation.fields import UNSET, Body, Instant, Patch

Url = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000),
    Field(description="https; its host must lead to public addresses only."),
]
Filter = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Filters = Annotated[
    list[Filter],
    Field(min_length=1, max_length=100, description="Types of event, `<name>.*` or `*`; see /webhooks/event-types."),
]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5_000)]


class WebhookIn(Body):
    url: Url
    events: Filters
    description: Description = ""


class WebhookPatch(Patch):
    """Fields left out stay as they are. Paused: what is in line waits, and nothing more gets in line."""

    url: Url = UNSET
    events: Filters = UNSET
    description: Description = UNSET
    status: Literal["active", "paused"] = UNSET

    def changes(self) -> dict[str, Any]:
        given = self.given()
        if "events" in given:
            given["events"] = tuple(self.events)
        if "status" in given:
            given["status"] = EndpointStatus(self.status)
        return given


class RotateIn(Body):
    keep_previous_hours: Annotated[
        int, Field(strict=True, ge=0, le=168, description="How long the secret before signs as well.")
    ] = 24

    @property
    def overlap(self) -> timedelta:
        return timedelta(hours=self.keep_previous_hours)


class ReplayIn(Body):
    since: Instant


class EventTypes(BaseModel):
    """`filters` is what `events` of a webhook may hold; `groups` says what `<name>.*` covers."""

    filters: list[str]
    types: list[str]
    groups: dict[str, str]


WEBHOOK_IN = {"url": "https://shop.example.com/hooks", "events": ["order.*"], "description": "Order desk"}
WEBHOOK = {
    "id": "01936f70-1111-7000-8000-000000000001",
    "url": "https://shop.example.com/hooks",
    "events": ["order.*"],
    "description": "Order desk",
    "status": "active",
    "disabled_reason": None,
    "previous_secret_until": None,
    "version": 1,
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
}
WITH_SECRET = WEBHOOK | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
QUEUED = {"delivery_id": "01936f71-2222-7000-8000-000000000002"}
DELIVERY = {
    "id": "01936f71-2222-7000-8000-000000000002",
    "webhook_id": "01936f70-1111-7000-8000-000000000001",
    "message_id": "01936f60-3333-7000-8000-000000000003",
    "replay": 0,
    "type": "order.confirmed",
    "object_id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a34",
    "sequence": 2,
    "request_id": "7d1f2a0c5e8b4f6d9a3c2b1e0f4d5c6b",
    "status": "delivered",
    "attempts": 1,
    "next_attempt_at": None,
    "created_at": "2026-11-21T10:01:00Z",
    "delivered_at": "2026-11-21T10:01:00.120000Z",
    "last_status_code": 204,
    "last_error": None,
}
DELIVERY_DETAIL = DELIVERY | {
    "body": '{"id":"01936f60-3333-7000-8000-000000000003","type":"order.confirmed","sequence":2}',
    "log": [
        {
            "started_at": "2026-11-21T10:01:00.030000Z",
            "duration_ms": 84,
            "status_code": 204,
            "error": None,
            "response_headers": [["server", "nginx"]],
            "response_body": "",
        }
    ],
}
EVENT_TYPES = {
    "filters": ["*", "order.*", "order.placed"],
    "types": ["order.placed"],
    "groups": {"order.*": "An order was placed, confirmed, cancelled or expired"},
}
