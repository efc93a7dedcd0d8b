"""Who is asking, for which tenant, with which permission: decided here before any handler runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request

from app.application.identity.contracts import AccessClaims, InvalidToken
from app.application.paging import PageRequest
from app.application.tenancy.contracts import (
    ALL_PERMISSIONS,
    PERMISSIONS,
    Role,
    TenantNotFound,
    TenantRef,
    tenant_mismatch,
)
from app.presentation.parts import Parts, parts_of
from app.shared.errors import AppError, Forbidden, Kind
from app.shared.ids import NOBODY, SessionId, TenantId, UserId
from app.shared.json_bytes import json_bytes
from app.shared.tenant_context import RequestContext, request_context

SCHEME = "bearer "
NAMES_TENANT = "x-tenant-id"
LONGEST_NAME = 200
SAMPLED = "-01"
_PERMISSIONS_BY_NAME = {role.value: (role, PERMISSIONS[role]) for role in Role}


class NotAuthenticated(AppError):
    """No credentials came with a request that needs them."""

    code = "not_authenticated"
    kind = Kind.UNAUTHENTICATED


def not_authenticated() -> NotAuthenticated:
    return NotAuthenticated("Sign in first: POST /api/v1/auth/login, then send Authorization: Bearer <token>.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`role` None: anonymous, or a superuser without a membership. The session may be of another tenant."""

    user_id: UserId
    tenant_id: TenantId
    role: Role | None
    session_id: SessionId | None
    session_tenant_id: TenantId
    is_superuser: bool
    permissions: frozenset[str]

    @property
    def is_staff(self) -> bool:
        return self.role is not None and self.role.is_staff

    @property
    def own_of(self) -> UserId | None:
        """What buyers are limited to: their own."""
        return None if self.is_staff else self.user_id

    @property
    def acting_role(self) -> Role:
        """Whose rank counts when roles are given."""
        return self.role or Role.CUSTOMER


class Allow:
    """Lets in who holds `permission` in the tenant of the request; None asks for a signed-in caller only.

    With `anonymous`, callers without credentials have the permissions of somebody without a role. With `path_tenant`,
    the tenant is the one in the path, and one the caller does not belong to is 404.
    """

    def __init__(self, permission: str | None, *, anonymous: bool = False, path_tenant: bool = False) -> None:
        if permission is not None and permission not in ALL_PERMISSIONS:
            raise ValueError(f"no role has the permission {permission}")
        self.permission = permission
        self._anonymous = anonymous
        self._path_tenant = path_tenant

    async def __call__(self, request: Request) -> Caller:
        parts = parts_of(request)
        authorization = request.headers.get("authorization")
        if authorization is not None:
            caller = await self._signed_in(request, parts, _claims(parts, authorization))
        elif self._anonymous:
            caller = await _anonymous(request, parts)
        else:
            raise not_authenticated()
        if self.permission is not None and self.permission not in caller.permissions:
            raise Forbidden("Your role does not allow this; ask an owner or admin of the tenant.")
        request.state.permission, request.state.role = self.permission, caller.role
        request_context.set(_context(request, caller))
        return caller

    async def _signed_in(self, request: Request, parts: Parts, claims: AccessClaims) -> Caller:
        named = request.headers.get(NAMES_TENANT)
        caller = await _caller_in(parts, claims, named) if named is not None else _caller_at_home(claims)
        if caller is None:
            raise tenant_mismatch()
        if self._path_tenant:
            visiting = claims.is_superuser and named is not None
            caller = await _caller_in(parts, claims, request.path_params["tenant_id"], visiting=visiting)
        if caller is None:
            raise TenantNotFound("There is no such tenant for you.")
        return caller


def _caller_at_home(claims: AccessClaims) -> Caller:
    return _caller(claims, claims.tenant_id, claims.role)


async def _caller_in(parts: Parts, claims: AccessClaims, named: str, *, visiting: bool | None = None) -> Caller | None:
    """None for a tenant that does not exist or that the caller does not belong to: nobody learns which.

    `visiting` lets a superuser in who does not belong there; that takes a header, so that it is meant.
    """
    tenant = await parts.tenants.find(named[:LONGEST_NAME])
    if tenant is None:
        return None
    if tenant.id == claims.tenant_id and claims.role:
        return _caller_at_home(claims)
    role = await parts.tenants.role_of(claims.user_id, tenant.id)
    allowed = claims.is_superuser if visiting is None else visiting
    if role is None and not allowed:
        return None
    return _caller(claims, tenant.id, role or Role.OWNER)


def _claims(parts: Parts, authorization: str) -> AccessClaims:
    if authorization[: len(SCHEME)].lower() != SCHEME:
        raise InvalidToken("Send the token as Authorization: Bearer <token>.")
    claims = parts.tokens.verify(authorization[len(SCHEME) :])
    if parts.revoked.is_revoked(claims):
        raise InvalidToken("This token has been revoked; sign in again.")
    return claims


def _caller(claims: AccessClaims, tenant_id: TenantId, role_name: str) -> Caller:
    role, permissions = _PERMISSIONS_BY_NAME.get(role_name, (None, PERMISSIONS[None]))
    return Caller(
        user_id=claims.user_id,
        tenant_id=tenant_id,
        role=role,
        session_id=claims.session_id,
        session_tenant_id=claims.tenant_id,
        is_superuser=claims.is_superuser,
        permissions=permissions,
    )


async def _anonymous(request: Request, parts: Parts) -> Caller:
    tenant = await tenant_of(request, parts)
    return Caller(
        user_id=NOBODY,
        tenant_id=tenant.id,
        role=None,
        session_id=None,
        session_tenant_id=tenant.id,
        is_superuser=False,
        permissions=PERMISSIONS[None],
    )


async def tenant_of(request: Request, parts: Parts) -> TenantRef:
    """The header's tenant, else the default one. Raises TenantMismatch."""
    named = request.headers.get(NAMES_TENANT, parts.default_tenant)
    tenant = await parts.tenants.find(named[:LONGEST_NAME])
    if tenant is None:
        raise tenant_mismatch()
    return tenant


def _context(request: Request, caller: Caller) -> RequestContext:
    state = request.scope["state"]
    anonymous = caller.user_id == NOBODY
    return RequestContext(
        tenant_id=caller.tenant_id,
        actor_id=caller.user_id,
        actor_kind="anonymous" if anonymous else "user",
        session_id=caller.session_id,
        is_superuser=caller.is_superuser,
        is_staff=caller.is_staff,
        request_id=state["request_id"],
        ip=state["client_ip"],
        user_agent=state["user_agent"],
        traceparent=state["traceparent"] if state["traceparent"].endswith(SAMPLED) else "",
    )


def shopper_at_home(request: Request) -> TenantId | None:
    """The tenant of a customer who names none but their token's: all that a page in memory asks for, without waiting.

    None for everybody else; the route then goes its whole way. Raises InvalidToken.
    """
    headers: dict[bytes, bytes] = request.scope["state"]["headers"]
    authorization = headers.get(b"authorization")
    if authorization is None or b"x-tenant-id" in headers:
        return None
    claims = _claims(parts_of(request), authorization.decode("latin-1"))
    if claims.role != Role.CUSTOMER:
        return None
    request_context.set(_context(request, _caller_at_home(claims)))
    return claims.tenant_id


async def anonymous_context(request: Request) -> RequestContext:
    """For the routes that sign in: nobody yet, in the header's or the default tenant."""
    caller = await _anonymous(request, parts_of(request))
    context = _context(request, caller)
    request_context.set(context)
    return context


async def joining_context(request: Request) -> Caller:
    """A signed-in caller in the header's tenant, whether they belong to it yet or not. Raises TenantMismatch."""
    parts = parts_of(request)
    authorization = request.headers.get("authorization")
    if authorization is None:
        raise not_authenticated()
    claims = _claims(parts, authorization)
    tenant = await tenant_of(request, parts)
    caller = _caller(claims, tenant.id, "")
    request_context.set(_context(request, caller))
    return caller


Anonymous = Annotated[RequestContext, Depends(anonymous_context)]
SignedIn = Annotated[Caller, Depends(Allow(None))]
Joining = Annotated[Caller, Depends(joining_context)]


def binding_of(*parts: object) -> str:
    """Names one list under one set of filters. JSON, since a filter that is absent and the text "None" must differ."""
    return json_bytes([None if part is None else str(part) for part in parts]).decode()


@dataclass(frozen=True, slots=True)
class Paging:
    """What a list route was asked for; `request_for` opens the cursor for one tenant, list and filter."""

    parts: Parts
    limit: int
    cursor: str | None
    newest_first: bool

    def request_for(self, binding: str) -> PageRequest:
        """Raises InvalidCursor."""
        after = None
        if self.cursor is not None:
            (position,) = self.parts.cursors.open(self.cursor, binding=self._bound(binding))
            after = UUID(position)
        return PageRequest(limit=self.limit, after=after, newest_first=self.newest_first)

    def cursor_after(self, position: UUID | None, binding: str) -> str | None:
        if position is None:
            return None
        return self.parts.cursors.seal((str(position),), binding=self._bound(binding))

    def _bound(self, binding: str) -> str:
        return f"{binding}|{self.newest_first}"


Sort = Literal["-created_at", "created_at"]


async def paging(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100, description="Rows per page.")] = 25,
    cursor: Annotated[
        str | None, Query(min_length=1, max_length=1_000, description="`next_cursor` of the page before.")
    ] = None,
    sort: Annotated[Sort, Query(description="By time of creation; `-` is newest first.")] = "-created_at",
) -> Paging:
    return Paging(parts_of(request), limit, cursor, sort == "-created_at")


PagingOf = Annotated[Paging, Depends(paging)]
