"""Who is asking, for which tenant, under which request id."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from app.shared.ids import NOBODY, SessionId, TenantId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """Travels with each message from the edge to the audit row; never through a shared task's context.

    `tenant_id` None opens a scope that sees no tenant's rows. `actor_kind` is user, anonymous or system.
    `traceparent` is set for a trace that somebody keeps (W3C Trace Context, "sampled").
    `is_staff` callers always read what was last committed; others may be answered from a replica or a cache.
    """

    tenant_id: TenantId | None = None
    actor_id: UserId = NOBODY
    actor_kind: str = "anonymous"
    session_id: SessionId | None = None
    is_superuser: bool = False
    is_staff: bool = False
    request_id: str = ""
    ip: str = ""
    user_agent: str = ""
    traceparent: str = ""


NO_CONTEXT = RequestContext()

request_context: ContextVar[RequestContext] = ContextVar("request_context", default=NO_CONTEXT)
"""Set at the edge, read in one place: `Mediator.send`."""


def system_context(tenant_id: TenantId | None, request_id: UUID | str) -> RequestContext:
    """For work nobody asked for over HTTP: expiry, seeding, clean-up."""
    return RequestContext(tenant_id=tenant_id, actor_kind="system", is_staff=True, request_id=str(request_id))
