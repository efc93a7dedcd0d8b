from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.tenancy.tenant import Tenant, TenantStatus
from app.shared.ids import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantView:
    id: TenantId
    slug: str
    name: str
    status: TenantStatus
    created_at: datetime
    version: int


def tenant_view(tenant: Tenant) -> TenantView:
    return TenantView(
        id=tenant.id,
        slug=tenant.slug,
        name=tenant.name,
        status=tenant.status,
        created_at=tenant.created_at,
        version=tenant.version,
    )
