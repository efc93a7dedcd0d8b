from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.shared.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTenantView:
    """`role` null: a superuser without a membership."""

    id: UUID
    slug: str
    name: str
    role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeView:
    id: UserId
    email: str
    full_name: str
    is_superuser: bool
    tenant: CurrentTenantView
    permissions: tuple[str, ...]
