from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson

from app.domain.webhooks.breaker import Breaker
from app.domain.webhooks.endpoint import DisabledReason, EndpointStatus, WebhookEndpoint, WebhookNotFound
from app.domain.webhooks.ids import WebhookId
from app.infrastructure.database.connection import Record
from app.infrastructure.database.scope import Scope
from app.infrastructure.database.writer import BulkInsert, BulkUpdate, Writes
from app.infrastructure.webhooks.rows import WebhookEndpointRow
from app.shared.ids import TenantId
from app.shared.json_bytes import json_bytes

_STATE = (
    *("url", "events", "description", "status", "disabled_reason", "secret", "previous_secret", "previous_until"),
    *("version", "updated_at"),
)
_INSERT = BulkInsert(WebhookEndpointRow, "tenant_id", "id", *_STATE, "created_at")
_UPDATE = BulkUpdate(WebhookEndpointRow, *_STATE)
_SELECT = "SELECT * FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2 AND status <> 'deleted'"
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('hello-ticket.webhooks ' || $1, 0))"
_COUNT = "SELECT count(*) FROM webhook_endpoints WHERE tenant_id = $1 AND status <> 'deleted'"
_LOCK = """
    SELECT failures, failing_since, open_until FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2
    FOR NO KEY UPDATE
"""
"""Deliveries that refer to the endpoint can still be written meanwhile."""
_SET_BREAKER = """
    UPDATE webhook_endpoints SET failures = $3, failing_since = $4, open_until = $5 WHERE tenant_id = $1 AND id = $2
"""


class WebhookMapper:
    stream = "webhook_endpoint"

    def key(self, endpoint: WebhookEndpoint) -> UUID:
        return endpoint.id

    async def insert(self, writes: Writes, tenant_id: TenantId, endpoints: Sequence[WebhookEndpoint]) -> None:
        writes.add(_INSERT, [(tenant_id, e.id, *_state(e), e.created_at) for e in endpoints])

    async def update(self, writes: Writes, tenant_id: TenantId, endpoints: Sequence[WebhookEndpoint]) -> None:
        writes.add(_UPDATE, [(tenant_id, e.id, e.stored_version, *_state(e)) for e in endpoints])


_MAPPER = WebhookMapper()


class SqlWebhookRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, endpoint: WebhookEndpoint) -> None:
        self._scope.track(endpoint, _MAPPER, new=True)

    async def get(self, webhook_id: WebhookId) -> WebhookEndpoint:
        row = await self._scope.connection.fetchrow(_SELECT, self._scope.tenant_id, webhook_id)
        if row is None:
            raise webhook_not_found()
        endpoint = _endpoint(row)
        self._scope.track(endpoint, _MAPPER)
        return endpoint

    async def count(self) -> int:
        await self._scope.connection.execute(_TURN, str(self._scope.tenant_id))
        return int(await self._scope.connection.fetchval(_COUNT, self._scope.tenant_id))

    async def lock_breaker(self, webhook_id: WebhookId) -> Breaker:
        row = await self._scope.connection.fetchrow(_LOCK, self._scope.tenant_id, webhook_id)
        return Breaker() if row is None else Breaker(**row)

    async def set_breaker(self, webhook_id: WebhookId, breaker: Breaker) -> None:
        values = breaker.failures, breaker.failing_since, breaker.open_until
        await self._scope.connection.execute(_SET_BREAKER, self._scope.tenant_id, webhook_id, *values)
        self._scope.work.changes += 1


def webhook_not_found() -> WebhookNotFound:
    return WebhookNotFound("There is no such webhook.")


def _state(endpoint: WebhookEndpoint) -> tuple[object, ...]:
    return (
        *(endpoint.url, json_bytes(endpoint.events).decode(), endpoint.description, endpoint.status),
        *(endpoint.disabled_reason, endpoint.secret, endpoint.previous_secret, endpoint.previous_until),
        *(endpoint.version, endpoint.updated_at),
    )


def _endpoint(row: Record) -> WebhookEndpoint:
    reason = row["disabled_reason"]
    return WebhookEndpoint(
        id=WebhookId(row["id"]),
        url=row["url"],
        events=tuple(orjson.loads(row["events"])),
        description=row["description"],
        status=EndpointStatus(row["status"]),
        disabled_reason=None if reason is None else DisabledReason(reason),
        secret=row["secret"],
        previous_secret=row["previous_secret"],
        previous_until=row["previous_until"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )
