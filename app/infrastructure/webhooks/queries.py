"""The read side of webhooks: plain SQL past the domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from app.application.paging import Page
from app.application.webhooks.queries.get_delivery import GetDelivery
from app.application.webhooks.queries.get_webhook import GetWebhook
from app.application.webhooks.queries.list_deliveries import ListDeliveries
from app.application.webhooks.queries.list_webhooks import ListWebhooks
from app.application.webhooks.views import AttemptView, DeliveryDetailView, DeliveryView, WebhookView
from app.domain.webhooks.delivery import DeliveryStatus
from app.domain.webhooks.endpoint import DisabledReason, EndpointStatus
from app.domain.webhooks.ids import DeliveryId, WebhookId
from app.infrastructure.database.connection import Record
from app.infrastructure.database.paging import page_of, walk
from app.infrastructure.database.reader import Reader
from app.infrastructure.webhooks.deliveries import delivery_not_found
from app.infrastructure.webhooks.repository import webhook_not_found

_WEBHOOK = """
    SELECT id, url, events, description, status, disabled_reason, previous_until, version, created_at, updated_at
    FROM webhook_endpoints WHERE tenant_id = $1 AND status <> 'deleted'
"""
_DELIVERY = """
    SELECT d.id, d.endpoint_id, d.message_id, d.replay, d.type, d.stream_id, d.sequence, d.request_id, d.status,
        d.attempts, d.next_attempt_at, d.created_at, d.delivered_at, a.status_code, a.error {more}
    FROM webhook_deliveries d
    JOIN webhook_endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id AND e.status <> 'deleted'
    LEFT JOIN LATERAL (
        SELECT l.status_code, l.error FROM webhook_attempts l
        WHERE l.tenant_id = d.tenant_id AND l.delivery_id = d.id ORDER BY l.id DESC LIMIT 1) AS a ON true
    WHERE d.tenant_id = $1 AND d.endpoint_id = $2
"""
_LIST = _DELIVERY.format(more="")
_ONE = _DELIVERY.format(more=", d.body") + " AND d.id = $3"
_LOG = "SELECT * FROM webhook_attempts WHERE tenant_id = $1 AND delivery_id = $2 ORDER BY id"


@dataclass(slots=True)
class GetWebhookHandler:
    reader: Reader

    async def handle(self, query: GetWebhook) -> WebhookView:
        row = await self.reader.row(_WEBHOOK + " AND id = $2", self.reader.tenant_id, query.webhook_id)
        if row is None:
            raise webhook_not_found()
        return _webhook(row)


@dataclass(slots=True)
class ListWebhooksHandler:
    reader: Reader

    async def handle(self, query: ListWebhooks) -> Page[WebhookView]:
        page = query.page
        sql = _WEBHOOK + walk(page, "id", 2)
        rows = await self.reader.rows(sql, self.reader.tenant_id, page.after, page.limit + 1)
        return page_of(rows, page, _webhook)


@dataclass(slots=True)
class ListDeliveriesHandler:
    reader: Reader

    async def handle(self, query: ListDeliveries) -> Page[DeliveryView]:
        page = query.page
        await GetWebhookHandler(self.reader).handle(GetWebhook(webhook_id=query.webhook_id))
        status = " AND d.status = $3" if query.status else " AND $3::text IS NULL"
        rows = await self.reader.rows(
            _LIST + status + walk(page, "d.id", 4),
            *(self.reader.tenant_id, query.webhook_id, query.status, page.after, page.limit + 1),
        )
        return page_of(rows, page, lambda row: DeliveryView(**_delivery(row)))


@dataclass(slots=True)
class GetDeliveryHandler:
    reader: Reader

    async def handle(self, query: GetDelivery) -> DeliveryDetailView:
        row = await self.reader.row(_ONE, self.reader.tenant_id, query.webhook_id, query.delivery_id)
        if row is None:
            raise delivery_not_found()
        log = await self.reader.rows(_LOG, self.reader.tenant_id, query.delivery_id)
        return DeliveryDetailView(**_delivery(row), body=row["body"].decode(), log=tuple(_attempt(one) for one in log))


def _webhook(row: Record) -> WebhookView:
    reason = row["disabled_reason"]
    return WebhookView(
        id=WebhookId(row["id"]),
        url=row["url"],
        events=tuple(orjson.loads(row["events"])),
        description=row["description"],
        status=EndpointStatus(row["status"]),
        disabled_reason=None if reason is None else DisabledReason(reason),
        previous_secret_until=row["previous_until"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _delivery(row: Record) -> dict[str, Any]:
    status = DeliveryStatus(row["status"])
    return {
        "id": DeliveryId(row["id"]),
        "webhook_id": WebhookId(row["endpoint_id"]),
        "message_id": row["message_id"],
        "replay": row["replay"],
        "type": row["type"],
        "object_id": row["stream_id"],
        "sequence": row["sequence"],
        "request_id": row["request_id"],
        "status": status,
        "attempts": row["attempts"],
        "next_attempt_at": row["next_attempt_at"] if status is DeliveryStatus.PENDING else None,
        "created_at": row["created_at"],
        "delivered_at": row["delivered_at"],
        "last_status_code": row["status_code"],
        "last_error": row["error"],
    }


def _attempt(row: Record) -> AttemptView:
    return AttemptView(
        started_at=row["started_at"],
        duration_ms=row["duration_ms"],
        status_code=row["status_code"],
        error=row["error"],
        response_headers=tuple((name, value) for name, value in orjson.loads(row["response_headers"])),
        response_body=row["response_body"].decode("utf-8", "replace"),
    )
