"""Tenancy's bindings: which handler answers which message, with what."""

from __future__ import annotations

from collections.abc import Callable

from app.application.ports import Clock, IdSource
from app.application.tenancy.commands.change_member import ChangeMember, ChangeMemberHandler
from app.application.tenancy.commands.change_tenant import ChangeTenant, ChangeTenantHandler
from app.application.tenancy.commands.create_tenant import CreateTenant, CreateTenantHandler
from app.application.tenancy.commands.remove_member import RemoveMember, RemoveMemberHandler
from app.application.tenancy.contracts import Members
from app.application.tenancy.ports import MemberTokens
from app.application.tenancy.queries.get_tenant import GetTenant
from app.application.tenancy.queries.get_user import GetUser
from app.application.tenancy.queries.list_tenants import ListTenants
from app.application.tenancy.queries.list_users import ListUsers
from app.domain.tenancy.membership import AlreadyMember
from app.domain.tenancy.tenant import SlugTaken
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.scope import Scope
from app.infrastructure.tenancy.queries import GetTenantHandler, GetUserHandler, ListTenantsHandler, ListUsersHandler
from app.infrastructure.tenancy.repository import SqlMembers, SqlMembershipRepository, SqlTenantRepository

TokensOf = Callable[[Scope], MemberTokens]


def bind_tenancy(routes: Routes, *, tokens_of: TokensOf, clock: Clock, ids: IdSource) -> None:
    routes.command(
        CreateTenant, lambda s: CreateTenantHandler(SqlTenantRepository(s), SqlMembershipRepository(s), clock, ids)
    )
    routes.command(ChangeTenant, lambda s: ChangeTenantHandler(SqlTenantRepository(s), clock))
    routes.command(ChangeMember, lambda s: _change_member(s, tokens_of, clock))
    routes.command(RemoveMember, lambda s: RemoveMemberHandler(SqlMembershipRepository(s), tokens_of(s), clock))
    routes.query(ListTenants, ListTenantsHandler)
    routes.query(GetTenant, GetTenantHandler)
    routes.query(ListUsers, ListUsersHandler)
    routes.query(GetUser, GetUserHandler)
    routes.constraint("uq_tenants_slug", SlugTaken("Another tenant has this slug; choose another one."))
    routes.constraint("pk_memberships", AlreadyMember("This account belongs to the tenant already."))


def _change_member(scope: Scope, tokens_of: TokensOf, clock: Clock) -> ChangeMemberHandler:
    members = SqlMembershipRepository(scope)
    return ChangeMemberHandler(members, members, tokens_of(scope), clock)


def members_of(scope: Scope) -> Members:
    """Tenancy's contract, handed to other contexts by the composition root."""
    return SqlMembers(scope)
