from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.application.tenancy.views import TenantView, tenant_view
from app.domain.tenancy.ports import TenantRepository
from app.shared.ids import TenantId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTenant(Command[TenantView]):
    """Give a tenant another name or slug; None keeps what is there."""

    tenant_id: TenantId
    slug: str | None = None
    name: str | None = None
    expected_version: int | None = None


@dataclass(slots=True)
class ChangeTenantHandler:
    tenants: TenantRepository
    clock: Clock

    async def handle(self, command: ChangeTenant) -> TenantView:
        tenant = await self.tenants.get(command.tenant_id)
        tenant.expect_version(command.expected_version)
        tenant.rename(slug=command.slug, name=command.name, now=self.clock.now())
        return tenant_view(tenant)
