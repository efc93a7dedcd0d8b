from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from app.domain.tenancy.membership import Membership
from app.domain.tenancy.tenant import Tenant
from app.shared.ids import TenantId, UserId


class TenantRepository(Protocol):
    async def found(self, tenant: Tenant) -> None:
        """Adds it; everything written from here on, in the same commit, belongs to it. SlugTaken at commit."""
        ...

    async def get(self, tenant_id: TenantId) -> Tenant:
        """Raises TenantNotFound. What is loaded here is saved at commit."""
        ...


class MembershipRepository(Protocol):
    def add(self, membership: Membership) -> None:
        """Raises AlreadyMember at commit when the account belongs to the tenant."""
        ...

    async def get(self, user_id: UserId) -> Membership:
        """Raises UserNotFound. Nobody else changes it until the commit; what is loaded here is saved by that."""
        ...

    async def find(self, user_id: UserId) -> Membership | None:
        """As `get`, with None for nobody."""
        ...

    async def lock_owners(self) -> Collection[UserId]:
        """The tenant's active owners whose accounts are open; nobody else changes that until the commit."""
        ...
