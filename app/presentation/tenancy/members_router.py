"""The tenant's people, as `/users`: their role and whether they may act here."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import StringConstraints

from app.application.tenancy.commands.change_member import ChangeMember
from app.application.tenancy.commands.remove_member import RemoveMember
from app.application.tenancy.contracts import UserView
from app.application.tenancy.queries.get_user import GetUser
from app.application.tenancy.queries.list_users import ListUsers
from app.domain.tenancy.membership import LastOwner, UserNotFound
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import (
    Listing,
    empty_answer,
    etag_of,
    expected_version,
    listing_bytes,
    page_response,
    run,
    view_answer,
    view_response,
)
from app.presentation.strict_route import StrictRoute
from app.presentation.tenancy.schemas import MEMBER, MemberPatch
from app.shared.errors import StaleVersion
from app.shared.ids import UserId

router = APIRouter(prefix="/api/v1/users", tags=["users"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("users:read"))]
Admin = Annotated[Caller, Depends(Allow("users:admin"))]
Search = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"\S")]


@router.get(
    "",
    **describe(
        operation_id="list_users",
        summary="List the tenant's people",
        permission="users:read",
        view=Listing[UserView],
        etag=True,
        response_example={"items": [MEMBER], "next_cursor": None},
    ),
)
async def list_users(
    request: Request,
    caller: Reader,
    paging: PagingOf,
    q: Annotated[Search | None, Query(description="Found anywhere in address or name, whatever the case.")] = None,
) -> Response:
    binding = binding_of(caller.tenant_id, "users", q)
    query = ListUsers(page=paging.request_for(binding), search=q)
    body = listing_bytes(await parts_of(request).mediator.send(query), paging, binding)
    return page_response(request, body, etag_of(body))


@router.get(
    "/{user_id}",
    **describe(
        operation_id="get_user",
        summary="Read one of the tenant's people",
        permission="users:read",
        view=UserView,
        not_found=UserNotFound,
        etag=True,
        response_example=MEMBER,
    ),
)
async def get_user(request: Request, user_id: UUID, caller: Reader) -> Response:
    return view_response(request, await parts_of(request).mediator.send(GetUser(user_id=UserId(user_id))))


@router.patch(
    "/{user_id}",
    **describe(
        operation_id="change_user",
        summary="Give somebody another role, or bar them from the tenant",
        permission="users:admin",
        view=UserView,
        not_found=UserNotFound,
        errors=(LastOwner, StaleVersion),
        etag=True,
        request_example={"role": "admin"},
        response_example=MEMBER | {"role": "admin", "version": 2},
    ),
)
async def change_user(request: Request, user_id: UUID, body: MemberPatch, caller: Admin) -> Response:
    command = ChangeMember(
        user_id=UserId(user_id),
        role=body.role,
        is_active=body.is_active,
        actor_role=caller.acting_role,
        expected_version=expected_version(request),
    )
    response = await run(request, command, view_answer)
    await parts_of(request).revoked.refresh()
    return response


@router.delete(
    "/{user_id}",
    **describe(
        operation_id="remove_user",
        summary="End somebody's membership; the account stays theirs",
        permission="users:admin",
        status=204,
        not_found=UserNotFound,
        errors=(LastOwner, StaleVersion),
    ),
)
async def remove_user(request: Request, user_id: UUID, caller: Admin) -> Response:
    command = RemoveMember(
        user_id=UserId(user_id), actor_role=caller.acting_role, expected_version=expected_version(request)
    )
    response = await run(request, command, empty_answer)
    await parts_of(request).revoked.refresh()
    return response
