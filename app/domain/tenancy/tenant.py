"""Tenant: one organizer, whose data nobody else sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from app.domain.kernel import AggregateRoot, DomainEvent, RuleBroken
from app.shared.errors import AppError, Kind
from app.shared.ids import TenantId, UserId


class TenantStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


class TenantNotFound(AppError):
    """There is no such tenant for the caller."""

    code = "tenant_not_found"
    kind = Kind.NOT_FOUND


class SlugTaken(RuleBroken):
    """Another tenant has this slug."""

    code = "slug_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantCreated(DomainEvent):
    type: ClassVar[str] = "tenant.created"
    tenant_id: TenantId
    slug: str
    name: str
    owner_id: UserId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRenamed(DomainEvent):
    type: ClassVar[str] = "tenant.renamed"
    tenant_id: TenantId
    slug: str
    name: str


@dataclass(slots=True, eq=False, kw_only=True)
class Tenant(AggregateRoot):
    id: TenantId
    slug: str
    name: str
    status: TenantStatus
    created_at: datetime

    @classmethod
    def create(cls, *, id: TenantId, slug: str, name: str, owner_id: UserId | None, now: datetime) -> Tenant:
        tenant = cls(id=id, slug=slug, name=name, status=TenantStatus.ACTIVE, created_at=now)
        tenant._record(TenantCreated(tenant_id=id, slug=slug, name=name, owner_id=owner_id, occurred_at=now))
        return tenant

    def rename(self, *, slug: str | None, name: str | None, now: datetime) -> None:
        """None keeps what is there; nothing different records nothing."""
        wanted = self.slug if slug is None else slug, self.name if name is None else name
        if wanted == (self.slug, self.name):
            return
        self.slug, self.name = wanted
        self._record(TenantRenamed(tenant_id=self.id, slug=self.slug, name=self.name, occurred_at=now))
