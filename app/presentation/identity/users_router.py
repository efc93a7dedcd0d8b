"""Who belongs to the tenant: adding people, and one's own account."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from app.application.identity.commands.close_account import CloseAccount, SoleOwner
from app.application.identity.commands.rename_account import RenameAccount
from app.application.identity.ports import Profile
from app.application.identity.queries.get_profile import GetProfile
from app.application.identity.workflows.prepare_user import PrepareUser
from app.application.tenancy.contracts import AlreadyMember, UserView
from app.domain.identity.account import AccountNotFound, EmailTaken
from app.domain.identity.password import WeakPassword
from app.presentation.dependencies import Allow, Caller, SignedIn
from app.presentation.identity.schemas import USER, ProfilePatch, ProfilePut, UserIn
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import empty_answer, expected_version, run, view_answer, view_response
from app.presentation.strict_route import StrictRoute
from app.shared.errors import StaleVersion
from app.shared.mediator import Command

router = APIRouter(prefix="/api/v1/users", tags=["users"], route_class=StrictRoute)

Admin = Annotated[Caller, Depends(Allow("users:admin"))]


@router.get(
    "/me",
    **describe(
        operation_id="get_profile",
        summary="Read your own account",
        permission=None,
        view=Profile,
        not_found=AccountNotFound,
        etag=True,
        response_example=USER,
    ),
)
async def get_profile(request: Request, caller: SignedIn) -> Response:
    return view_response(request, await parts_of(request).mediator.send(GetProfile(user_id=caller.user_id)))


@router.put(
    "/me",
    **describe(
        operation_id="replace_profile",
        summary="Replace the writable fields of your account",
        permission=None,
        view=Profile,
        not_found=AccountNotFound,
        errors=(StaleVersion,),
        etag=True,
        request_example={"full_name": "Ada King"},
        response_example=USER,
    ),
)
async def replace_profile(request: Request, body: ProfilePut, caller: SignedIn) -> Response:
    return await _rename(request, caller, body.full_name)


@router.patch(
    "/me",
    **describe(
        operation_id="change_profile",
        summary="Change your own account",
        permission=None,
        view=Profile,
        not_found=AccountNotFound,
        errors=(StaleVersion,),
        etag=True,
        request_example={"full_name": "Ada King"},
        response_example=USER,
    ),
)
async def change_profile(request: Request, body: ProfilePatch, caller: SignedIn) -> Response:
    return await _rename(request, caller, body.full_name)


async def _rename(request: Request, caller: Caller, full_name: str | None) -> Response:
    command = RenameAccount(user_id=caller.user_id, full_name=full_name, expected_version=expected_version(request))
    return await run(request, command, view_answer)


@router.delete(
    "/me",
    **describe(
        operation_id="close_account",
        summary="Close your account: nobody can sign in to it any more",
        permission=None,
        status=204,
        not_found=AccountNotFound,
        errors=(SoleOwner, StaleVersion),
    ),
)
async def close_account(request: Request, caller: SignedIn) -> Response:
    parts = parts_of(request)
    command = CloseAccount(user_id=caller.user_id, expected_version=expected_version(request))
    response = await run(request, command, empty_answer)
    await parts.revoked.refresh()
    return response


@router.post(
    "",
    **describe(
        operation_id="add_user",
        summary="Add somebody; an address with an account must accept before the role counts",
        permission="users:admin",
        status=201,
        view=UserView,
        errors=(AlreadyMember, EmailTaken, WeakPassword),
        etag=True,
        request_example={"email": "grace@example.com", "full_name": "Grace Hopper", "role": "member"},
        response_example=USER | {"email": "grace@example.com", "full_name": "Grace Hopper", "role": "member"},
    ),
)
async def add_user(request: Request, body: UserIn, caller: Admin) -> Response:
    prepare = PrepareUser(
        email=body.email, password=body.password, full_name=body.full_name, role=body.role, by=caller.acting_role
    )
    command: Command[Any] = await parts_of(request).mediator.send(prepare)
    return await run(request, command, lambda view: view_answer(view, status=201, location=f"/api/v1/users/{view.id}"))
