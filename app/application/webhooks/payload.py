"""The bodies receivers get. Their members are the contract of docs/WEBHOOKS.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.application.events import PublishedEvent
from app.application.webhooks.public_events import PING
from app.domain.webhooks.ids import WebhookId
from app.shared.ids import TenantId
from app.shared.tenant_context import RequestContext


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """What it happened to."""

    kind: str
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """`sequence` counts the events of one object: 1, 2, 3 … without a gap; those of a ping are 1."""

    id: UUID
    type: str
    timestamp: datetime
    request_id: str
    tenant_id: TenantId | None
    object: ObjectRef
    sequence: int
    data: Mapping[str, Any]


def payload_of(event: PublishedEvent) -> Payload:
    return Payload(
        id=event.id,
        type=event.type,
        timestamp=event.occurred_at,
        request_id=event.request_id,
        tenant_id=event.tenant_id,
        object=ObjectRef(kind=event.stream, id=event.stream_id),
        sequence=event.version,
        data=event.data,
    )


def ping_of(webhook_id: WebhookId, message_id: UUID, context: RequestContext, *, now: datetime) -> Payload:
    """To try an endpoint out."""
    return Payload(
        id=message_id,
        type=PING,
        timestamp=now,
        request_id=context.request_id,
        tenant_id=context.tenant_id,
        object=ObjectRef(kind="webhook_endpoint", id=webhook_id),
        sequence=1,
        data={},
    )
