from __future__ import annotations

from dataclasses import dataclass

from app.application.tenancy.views import TenantView
from app.shared.ids import TenantId, UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTenant(Query[TenantView]):
    """One tenant the account belongs to; `member_id` None finds any, for superusers."""

    tenant_id: TenantId
    member_id: UserId | None
