"""Puts each public event in line for every endpoint that asked for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from app.application.events import PublishedEvent
from app.application.ports import IdSource
from app.application.signals import Topic
from app.application.webhooks.payload import payload_of
from app.application.webhooks.ports import Render
from app.application.webhooks.public_events import filters_of, is_public
from app.domain.webhooks.ids import WebhookId
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import BulkInsert, Values, Writes
from app.infrastructure.webhooks.rows import WebhookDeliveryRow

_LISTENING = "SELECT DISTINCT tenant_id FROM webhook_endpoints WHERE tenant_id = ANY($1) AND status = 'active'"
_ACTIVE = "SELECT id, events FROM webhook_endpoints WHERE tenant_id = $1 AND status = 'active'"


class _InsertOnce(BulkInsert):
    """A message that is in line already stays as it is: the unique key is what makes this safe to repeat."""

    def statement(self, first: int) -> str:
        return f"{super().statement(first)} ON CONFLICT DO NOTHING"


_INSERT = _InsertOnce(
    WebhookDeliveryRow,
    *("tenant_id", "id", "endpoint_id", "message_id", "replay", "type", "stream_id", "sequence", "body", "request_id"),
    *("traceparent", "status", "attempts", "next_attempt_at", "created_at"),
)


@dataclass(slots=True)
class _Line:
    """What one transaction puts in line: endpoints are asked for once, rows are written together."""

    work: UnitOfWork
    endpoints: list[tuple[WebhookId, frozenset[str]]] | None = None
    rows: list[Values] = field(default_factory=list)

    async def wanted_by(self, filters: tuple[str, ...]) -> list[WebhookId]:
        if self.endpoints is None:
            found = await self.work.connection.fetch(_ACTIVE, self.work.tenant_id)
            self.endpoints = [(WebhookId(row["id"]), frozenset(orjson.loads(row["events"]))) for row in found]
        return [webhook_id for webhook_id, wanted in self.endpoints if not wanted.isdisjoint(filters)]

    def add(self, row: Values) -> None:
        if not self.rows:
            self.work.on_flush(self._write)
            self.work.announce(Topic.WEBHOOKS)
        self.rows.append(row)

    async def _write(self, writes: Writes) -> None:
        writes.add(_INSERT, self.rows)


@dataclass(slots=True)
class WebhookPolicy:
    """A tenant without endpoints costs one small query a batch, an internal event nothing."""

    scope: Scope
    render: Render
    ids: IdSource

    async def react(self, event: PublishedEvent) -> None:
        if not is_public(event.type):
            return
        line = self.scope.work.part(_Line, _Line)
        wanted_by = await line.wanted_by(filters_of(event.type))
        body = self.render(payload_of(event)) if wanted_by else b""
        for webhook_id in wanted_by:
            line.add(
                (
                    *(event.tenant_id, self.ids.new(), webhook_id, event.id, 0, event.type, event.stream_id),
                    *(event.version, body, event.request_id, event.traceparent, "pending", 0),
                    *(event.occurred_at, event.occurred_at),
                )
            )


async def tenants_that_listen(connection: Connection, tenants: Sequence[UUID]) -> set[UUID]:
    """Most tenants have no endpoint; their events need not come here at all."""
    return {row["tenant_id"] for row in await connection.fetch(_LISTENING, tenants)}


def webhook_policy(render: Render, ids: IdSource) -> Callable[[Scope], WebhookPolicy]:
    return lambda scope: WebhookPolicy(scope, render, ids)
