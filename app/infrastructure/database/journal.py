"""What every change leaves behind, written by the same commit: event, outbox and audit rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.application.ports import IdSource
from app.domain.kernel import DomainEvent
from app.infrastructure.database.rows import AuditRow, EventRow, OutboxRow
from app.infrastructure.database.writer import BulkInsert, Writes
from app.shared.json_bytes import json_bytes
from app.shared.tenant_context import RequestContext

_EVENTS = BulkInsert(EventRow, "tenant_id", "stream_id", "version", "stream", "type", "data", "metadata", "occurred_at")
_OUTBOX = BulkInsert(OutboxRow, "tenant_id", "id", "stream_id", "version", "type", "request_id", "occurred_at")
_AUDIT = BulkInsert(
    AuditRow,
    *("tenant_id", "id", "occurred_at", "actor_id", "actor_kind", "is_superuser", "action", "target_kind"),
    *("target_id", "outcome", "request_id", "ip", "user_agent"),
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event, with whose doing it was."""

    context: RequestContext
    stream: str
    stream_id: UUID
    version: int
    event: DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something that was tried and has no event: a failed sign-in, a refused refresh."""

    context: RequestContext
    action: str
    target_kind: str
    target_id: UUID
    outcome: str
    at: datetime


def write_journal(
    writes: Writes, tenant_id: UUID, recorded: Sequence[Recorded], attempts: Sequence[Attempt], ids: IdSource
) -> None:
    writes.add(_EVENTS, [_event(tenant_id, entry) for entry in recorded])
    writes.add(_OUTBOX, [_outbox(tenant_id, entry, ids) for entry in recorded])
    audits = [_audit_of_event(tenant_id, entry, ids) for entry in recorded]
    audits += [_audit_of_attempt(tenant_id, attempt, ids) for attempt in attempts]
    writes.add(_AUDIT, audits)


def _event(tenant_id: UUID, entry: Recorded) -> tuple[object, ...]:
    context, event = entry.context, entry.event
    metadata = {"actor_id": context.actor_id, "actor_kind": context.actor_kind, "request_id": context.request_id}
    if context.traceparent:
        metadata["traceparent"] = context.traceparent
    return (
        *(tenant_id, entry.stream_id, entry.version, entry.stream, event.type),
        *(json_bytes(event).decode(), json_bytes(metadata).decode(), event.occurred_at),
    )


def _outbox(tenant_id: UUID, entry: Recorded, ids: IdSource) -> tuple[object, ...]:
    event = entry.event
    return (
        *(tenant_id, ids.new(), entry.stream_id, entry.version),
        *(event.type, entry.context.request_id, event.occurred_at),
    )


def _audit_of_event(tenant_id: UUID, entry: Recorded, ids: IdSource) -> tuple[object, ...]:
    return (
        *(tenant_id, ids.new(), entry.event.occurred_at, *_who(entry.context)),
        *(entry.event.type, entry.stream, entry.stream_id, "done", *_whence(entry.context)),
    )


def _audit_of_attempt(tenant_id: UUID, attempt: Attempt, ids: IdSource) -> tuple[object, ...]:
    return (
        *(tenant_id, ids.new(), attempt.at, *_who(attempt.context)),
        *(attempt.action, attempt.target_kind, attempt.target_id, attempt.outcome, *_whence(attempt.context)),
    )


def _who(context: RequestContext) -> tuple[object, ...]:
    return context.actor_id, context.actor_kind, context.is_superuser


def _whence(context: RequestContext) -> tuple[str, ...]:
    return context.request_id, context.ip, context.user_agent
