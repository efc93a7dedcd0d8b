from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock, IdSource
from app.application.tenancy.views import TenantView, tenant_view
from app.domain.tenancy.membership import Membership
from app.domain.tenancy.ports import MembershipRepository, TenantRepository
from app.domain.tenancy.roles import Role
from app.domain.tenancy.tenant import Tenant
from app.shared.ids import TenantId, UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTenant(Command[TenantView]):
    """Found an organizer's own space; `owner_id` None leaves it to whoever sets the system up to add an owner."""

    slug: str
    name: str
    owner_id: UserId | None


@dataclass(slots=True)
class CreateTenantHandler:
    tenants: TenantRepository
    members: MembershipRepository
    clock: Clock
    ids: IdSource

    async def handle(self, command: CreateTenant) -> TenantView:
        now = self.clock.now()
        tenant = Tenant.create(
            id=TenantId(self.ids.new()), slug=command.slug, name=command.name, owner_id=command.owner_id, now=now
        )
        await self.tenants.found(tenant)
        if command.owner_id is not None:
            self.members.add(
                Membership.add(
                    id=self.ids.new(),
                    user_id=command.owner_id,
                    role=Role.OWNER,
                    display_name="",
                    accepted=True,
                    now=now,
                )
            )
        return tenant_view(tenant)
