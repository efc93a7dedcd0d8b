from __future__ import annotations

from dataclasses import dataclass

from app.application.paging import Page, PageRequest
from app.application.tenancy.views import TenantView
from app.shared.ids import UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTenants(Query[Page[TenantView]]):
    """The tenants an account belongs to; `member_id` None lists all, for superusers."""

    page: PageRequest
    member_id: UserId | None
