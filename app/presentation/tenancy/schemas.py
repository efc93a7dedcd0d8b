from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.application.tenancy.contracts import Role
from app.presentation.fields import UNSET, Body, Name, Patch, Slug


class TenantIn(Body):
    slug: Slug
    name: Name


class TenantPatch(Patch):
    slug: Slug = UNSET
    name: Name = UNSET


class MemberPatch(Patch):
    role: Role = UNSET
    is_active: Annotated[bool, Field(strict=True)] = UNSET


TENANT = {
    "id": "01936f5d-0000-7000-8000-000000000002",
    "slug": "open-air",
    "name": "Open Air e.V.",
    "status": "active",
    "created_at": "2026-11-21T10:00:00Z",
    "version": 1,
}
MEMBER = {
    "id": "01936f5e-0000-7000-8000-000000000003",
    "email": "grace@example.com",
    "full_name": "Grace Hopper",
    "is_active": True,
    "role": "member",
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
    "version": 1,
}
