"""What other contexts and the edge may use of tenancy."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.tenancy.membership import AlreadyMember as AlreadyMember  # noqa: PLC0414 — re-exported vocabulary
from app.domain.tenancy.roles import ALL_PERMISSIONS as ALL_PERMISSIONS  # noqa: PLC0414 — re-exported vocabulary
from app.domain.tenancy.roles import PERMISSIONS as PERMISSIONS  # noqa: PLC0414 — re-exported vocabulary
from app.domain.tenancy.roles import Role as Role  # noqa: PLC0414 — re-exported vocabulary
from app.domain.tenancy.tenant import TenantNotFound as TenantNotFound  # noqa: PLC0414 — re-exported vocabulary
from app.shared.errors import AppError, Kind
from app.shared.ids import TenantId, UserId


class TenantMismatch(AppError):
    """The named tenant does not exist or the caller does not belong to it; the answer is the same for both."""

    code = "tenant_mismatch"
    kind = Kind.FORBIDDEN


def tenant_mismatch() -> TenantMismatch:
    return TenantMismatch("There is no such tenant for you; check X-Tenant-ID, or sign in to that tenant.")


@dataclass(frozen=True, slots=True)
class TenantRef:
    id: TenantId
    slug: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """Somebody in one tenant; `version` counts changes of that membership."""

    id: UserId
    email: str
    full_name: str
    is_active: bool
    role: Role | None
    created_at: datetime
    updated_at: datetime
    version: int


class TenantDirectory(Protocol):
    """Who is who, across tenants; answers may be one second old."""

    async def find(self, slug_or_id: str) -> TenantRef | None: ...

    async def role_of(self, user_id: UserId, tenant_id: TenantId) -> Role | None:
        """Of an accepted, active membership; read anew each time."""
        ...


class Members(Protocol):
    """Memberships of the current tenant, inside the caller's own transaction."""

    async def role_of(self, user_id: UserId) -> Role | None:
        """Of an accepted, active membership, which nobody else changes until the commit."""
        ...

    async def enrol(
        self, user_id: UserId, role: Role, *, by: Role, display_name: str, accepted: bool, now: datetime
    ) -> None:
        """Raises Forbidden when `by` ranks below `role`, AlreadyMember when the account belongs to the tenant."""
        ...

    async def join(self, user_id: UserId, *, display_name: str, now: datetime) -> None:
        """Accepts what was offered, else makes the account a customer. Raises AlreadyMember."""
        ...

    async def lock_owners_of(self, tenant_ids: Collection[TenantId]) -> None:
        """Nobody else becomes or stops being an owner of these tenants until the commit."""
        ...

    async def signed_in(self, user_id: UserId, *, now: datetime) -> None:
        """Notes which tenant somebody used last."""
        ...
