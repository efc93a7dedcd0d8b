"""What a client sees of webhook endpoints and deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.webhooks.delivery import DeliveryStatus
from app.domain.webhooks.endpoint import DisabledReason, EndpointStatus, WebhookEndpoint
from app.domain.webhooks.ids import DeliveryId, WebhookId


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """Until `previous_secret_until` the secret before the last rotation signs as well."""

    id: WebhookId
    url: str
    events: tuple[str, ...]
    description: str
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    previous_secret_until: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretView(WebhookView):
    """The endpoint with its new secret, which is shown this once."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """`message_id` is the `webhook-id` receivers see; `replay` counts how often it was sent again on request."""

    id: DeliveryId
    webhook_id: WebhookId
    message_id: UUID
    replay: int
    type: str
    object_id: UUID
    sequence: int
    request_id: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None
    last_status_code: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """`response_body` is the beginning of the answer, at most 10,240 bytes."""

    started_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response_headers: tuple[tuple[str, str], ...]
    response_body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDetailView(DeliveryView):
    """With the body that is sent and every attempt, oldest first."""

    body: str
    log: tuple[AttemptView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedView:
    """A delivery that was put in line."""

    delivery_id: DeliveryId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayView:
    """How many deliveries were put in line; `more` says that the call found more than it takes at once."""

    queued: int
    more: bool


def view_of(endpoint: WebhookEndpoint) -> WebhookView:
    return WebhookView(**_values(endpoint))


def secret_view_of(endpoint: WebhookEndpoint, secret: str) -> WebhookSecretView:
    return WebhookSecretView(**_values(endpoint), secret=secret)


def _values(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": endpoint.events,
        "description": endpoint.description,
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason,
        "previous_secret_until": endpoint.previous_until,
        "version": endpoint.version,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }
