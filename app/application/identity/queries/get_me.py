from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.views import MeView
from app.shared.ids import TenantId, UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetMe(Query[MeView]):
    """Who the caller is, in the tenant the request is for, and what they may do there."""

    user_id: UserId
    tenant_id: TenantId
    role: str | None
    permissions: tuple[str, ...]
