from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.application.ports import IdSource
from app.application.signals import Topic
from app.domain.webhooks.delivery import Answer, Delivery, DeliveryNotFound, DeliveryStatus, Notice
from app.domain.webhooks.ids import DeliveryId, WebhookId
from app.infrastructure.database.scope import Scope
from app.shared.json_bytes import json_bytes

_LOCK = """
    SELECT id, endpoint_id, status, attempts, next_attempt_at, leased_until, delivered_at FROM webhook_deliveries
    WHERE tenant_id = $1 AND endpoint_id = $2 AND id = $3 FOR NO KEY UPDATE
"""
_SAVE = """
    UPDATE webhook_deliveries SET status = $3, attempts = $4, next_attempt_at = $5, leased_until = $6, delivered_at = $7
    WHERE tenant_id = $1 AND id = $2
"""
_LOG = """
    INSERT INTO webhook_attempts
        (tenant_id, id, delivery_id, started_at, duration_ms, status_code, error, response_headers, response_body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_SEND = """
    INSERT INTO webhook_deliveries
        (tenant_id, id, endpoint_id, message_id, replay, type, stream_id, sequence, body, request_id, status, attempts,
         next_attempt_at, created_at)
    VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, 'pending', 0, $10, $10)
"""
_RESEND = """
    INSERT INTO webhook_deliveries
        (tenant_id, id, endpoint_id, message_id, replay, type, stream_id, sequence, body, request_id, traceparent,
         status, attempts, next_attempt_at, created_at)
    SELECT d.tenant_id, v.again, d.endpoint_id, d.message_id, (
            SELECT max(e.replay) + 1 FROM webhook_deliveries e
            WHERE e.tenant_id = d.tenant_id AND e.endpoint_id = d.endpoint_id AND e.message_id = d.message_id
        ), d.type, d.stream_id, d.sequence, d.body, d.request_id, d.traceparent, 'pending', 0, $4, $4
    FROM unnest($2::uuid[], $3::uuid[]) AS v(id, again)
    JOIN webhook_deliveries d ON d.tenant_id = $1 AND d.id = v.id
"""
_UNHAPPY = """
    SELECT d.id FROM webhook_deliveries d
    WHERE d.tenant_id = $1 AND d.endpoint_id = $2 AND d.created_at >= $3 AND d.status IN ('failed', 'cancelled')
    AND NOT EXISTS (
        SELECT FROM webhook_deliveries later WHERE later.tenant_id = d.tenant_id
        AND later.endpoint_id = d.endpoint_id AND later.message_id = d.message_id AND later.replay > d.replay)
    ORDER BY d.id LIMIT $4
"""
_CANCEL = """
    UPDATE webhook_deliveries SET status = 'cancelled', leased_until = NULL
    WHERE tenant_id = $1 AND endpoint_id = $2 AND status = 'pending'
"""


class SqlDeliveryRepository:
    def __init__(self, scope: Scope, ids: IdSource) -> None:
        self._scope = scope
        self._ids = ids

    async def get(self, webhook_id: WebhookId, delivery_id: DeliveryId) -> Delivery:
        row = await self._scope.connection.fetchrow(_LOCK, self._scope.tenant_id, webhook_id, delivery_id)
        if row is None:
            raise delivery_not_found()
        return Delivery(
            id=DeliveryId(row["id"]),
            webhook_id=WebhookId(row["endpoint_id"]),
            status=DeliveryStatus(row["status"]),
            attempts=row["attempts"],
            next_attempt_at=row["next_attempt_at"],
            leased_until=row["leased_until"],
            delivered_at=row["delivered_at"],
        )

    async def save(self, delivery: Delivery) -> None:
        values = delivery.status, delivery.attempts, delivery.next_attempt_at
        await self._execute(_SAVE, delivery.id, *values, delivery.leased_until, delivery.delivered_at)

    async def log(self, delivery_id: DeliveryId, answer: Answer) -> None:
        headers = json_bytes(answer.headers).decode()
        outcome = answer.started_at, answer.duration_ms, answer.status_code, answer.error, headers, answer.body
        await self._execute(_LOG, self._ids.new(), delivery_id, *outcome)

    async def send(self, webhook_id: WebhookId, notice: Notice, *, now: datetime) -> DeliveryId:
        delivery_id = DeliveryId(self._ids.new())
        about = notice.message_id, notice.type, notice.stream_id, notice.sequence, notice.body, notice.request_id
        await self._execute(_SEND, delivery_id, webhook_id, *about, now)
        self._scope.work.announce(Topic.WEBHOOKS)
        return delivery_id

    async def resend(self, delivery_ids: Sequence[DeliveryId], *, now: datetime) -> Sequence[DeliveryId]:
        again = [DeliveryId(self._ids.new()) for _ in delivery_ids]
        await self._execute(_RESEND, list(delivery_ids), again, now)
        self._scope.work.announce(Topic.WEBHOOKS)
        return again

    async def ended_unhappily(self, webhook_id: WebhookId, since: datetime, most: int) -> Sequence[DeliveryId]:
        rows = await self._scope.connection.fetch(_UNHAPPY, self._scope.tenant_id, webhook_id, since, most)
        return [DeliveryId(row["id"]) for row in rows]

    async def cancel_pending(self, webhook_id: WebhookId) -> None:
        await self._execute(_CANCEL, webhook_id)

    async def _execute(self, statement: str, *values: object) -> None:
        await self._scope.connection.execute(statement, self._scope.tenant_id, *values)
        self._scope.work.changes += 1


def delivery_not_found() -> DeliveryNotFound:
    return DeliveryNotFound("There is no such delivery of this webhook.")
