"""Tenancy's read side."""

from __future__ import annotations

from dataclasses import dataclass

from app.application.paging import Page
from app.application.tenancy.contracts import UserView
from app.application.tenancy.ports import Person, user_view
from app.application.tenancy.queries.get_tenant import GetTenant
from app.application.tenancy.queries.get_user import GetUser
from app.application.tenancy.queries.list_tenants import ListTenants
from app.application.tenancy.queries.list_users import ListUsers
from app.application.tenancy.views import TenantView, tenant_view
from app.domain.tenancy.membership import UserNotFound
from app.domain.tenancy.tenant import TenantNotFound
from app.infrastructure.database.connection import Record
from app.infrastructure.database.paging import page_of, walk
from app.infrastructure.database.reader import Reader
from app.infrastructure.tenancy.repository import member_of, tenant_of

_TENANTS = """
    SELECT t.* FROM tenants t WHERE ($1::uuid IS NULL OR EXISTS (
        SELECT FROM memberships m WHERE m.tenant_id = t.id AND m.user_id = $1 AND m.is_active
        AND m.accepted_at IS NOT NULL))
"""
_USERS = """
    SELECT m.*, u.email, u.full_name, u.is_active AS account_is_active
    FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.tenant_id = $1
"""
_SEARCH = """
    AND ($2::text IS NULL OR strpos(u.email_key, $2) > 0
        OR strpos(lower(CASE WHEN m.accepted_at IS NULL THEN m.display_name ELSE u.full_name END), lower($3)) > 0)
"""


@dataclass(slots=True)
class ListTenantsHandler:
    """Crosses tenants as the worker's role, bounded by the caller's own memberships."""

    reader: Reader

    async def handle(self, query: ListTenants) -> Page[TenantView]:
        page = query.page
        sql = _TENANTS + walk(page, "t.id", 2)
        rows = await self.reader.across_tenants(sql, query.member_id, page.after, page.limit + 1)
        return page_of(rows, page, _tenant)


@dataclass(slots=True)
class GetTenantHandler:
    reader: Reader

    async def handle(self, query: GetTenant) -> TenantView:
        rows = await self.reader.across_tenants(_TENANTS + " AND t.id = $2", query.member_id, query.tenant_id)
        if not rows:
            raise TenantNotFound("There is no such tenant for you.")
        return _tenant(rows[0])


@dataclass(slots=True)
class ListUsersHandler:
    reader: Reader

    async def handle(self, query: ListUsers) -> Page[UserView]:
        page = query.page
        key = query.search.casefold() if query.search else None
        sql = _USERS + _SEARCH + walk(page, "m.user_id", 4)
        rows = await self.reader.rows(sql, self.reader.tenant_id, key, query.search, page.after, page.limit + 1)
        return page_of(rows, page, _user, key="user_id")


@dataclass(slots=True)
class GetUserHandler:
    reader: Reader

    async def handle(self, query: GetUser) -> UserView:
        row = await self.reader.row(_USERS + " AND m.user_id = $2", self.reader.tenant_id, query.user_id)
        if row is None:
            raise UserNotFound("Nobody with this id belongs to the tenant.")
        return _user(row)


def _tenant(row: Record) -> TenantView:
    return tenant_view(tenant_of(row))


def _user(row: Record) -> UserView:
    return user_view(member_of(row), Person(row["email"], row["full_name"], row["account_is_active"]))
