from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from app.application.identity.commands.close_session import CloseSession
from app.application.identity.commands.join_tenant import JoinTenant
from app.application.identity.contracts import InvalidToken
from app.application.identity.queries.get_me import GetMe
from app.application.identity.tokens import TokenPair
from app.application.identity.views import MeView
from app.application.identity.workflows.prepare_registration import PrepareRegistration
from app.application.identity.workflows.refresh_tokens import RefreshTokens
from app.application.identity.workflows.sign_in import SignIn
from app.application.tenancy.contracts import AlreadyMember, TenantMismatch, UserView
from app.domain.identity.account import EmailTaken, InvalidCredentials
from app.domain.identity.password import WeakPassword
from app.domain.identity.session import SessionEnded, TokenReused
from app.presentation.dependencies import NAMES_TENANT, Anonymous, Joining, SignedIn
from app.presentation.identity.schemas import LOGIN_IN, ME, REGISTER_IN, TOKENS, USER, LoginIn, RefreshIn, RegisterIn
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import JSON, empty_answer, json_bytes, run, view_answer, view_response
from app.presentation.strict_route import StrictRoute
from app.shared.mediator import Refused
from app.shared.tenant_context import RequestContext, request_context

router = APIRouter(prefix="/api/v1/auth", tags=["auth"], route_class=StrictRoute)


@router.post(
    "/register",
    **describe(
        operation_id="register",
        summary="Open an account; it becomes a customer of the tenant",
        permission=None,
        public=True,
        status=201,
        view=UserView,
        errors=(EmailTaken, WeakPassword, TenantMismatch),
        request_example=REGISTER_IN,
        response_example=USER,
    ),
)
async def register(request: Request, body: RegisterIn, context: Anonymous) -> Response:
    prepare = PrepareRegistration(email=body.email, password=body.password, full_name=body.full_name)
    command = await parts_of(request).mediator.send(prepare)
    return await run(request, command, lambda view: view_answer(view, status=201))


@router.post(
    "/token",
    **describe(
        operation_id="issue_token",
        summary="Sign in with the OAuth2 password form (RFC 6749 section 4.3)",
        permission=None,
        public=True,
        view=TokenPair,
        errors=(InvalidCredentials, TenantMismatch),
        secret=True,
        response_example=TOKENS,
    ),
)
async def issue_token(
    request: Request,
    context: Anonymous,
    username: Annotated[str, Form(min_length=1, max_length=200)],
    password: Annotated[str, Form(min_length=1, max_length=256)],
    grant_type: Annotated[str | None, Form(pattern="^password$")] = None,
    scope: Annotated[str, Form(max_length=1_000)] = "",
    client_id: Annotated[str | None, Form(max_length=200)] = None,
    client_secret: Annotated[str | None, Form(max_length=200)] = None,
    otp: Annotated[str | None, Form(pattern="^[0-9]{6}$")] = None,
) -> Response:
    return await _sign_in(request, context, username.strip(), password, "")


@router.post(
    "/login",
    **describe(
        operation_id="login",
        summary="Sign in",
        permission=None,
        public=True,
        view=TokenPair,
        errors=(InvalidCredentials, TenantMismatch),
        secret=True,
        request_example=LOGIN_IN,
        response_example=TOKENS,
    ),
)
async def login(request: Request, body: LoginIn, context: Anonymous) -> Response:
    return await _sign_in(request, context, body.email, body.password, body.device_name or "")


async def _sign_in(request: Request, context: RequestContext, email: str, password: str, device_name: str) -> Response:
    named = NAMES_TENANT in request.headers
    message = SignIn(
        email=email,
        password=password,
        tenant_id=context.tenant_id if named else None,
        device_name=device_name,
    )
    return _tokens(await parts_of(request).mediator.send(message))


def _tokens(pair: TokenPair) -> Response:
    """RFC 6749 section 5.1: never cached."""
    return Response(json_bytes(pair), 200, {"cache-control": "no-store"}, media_type=JSON)


@router.post(
    "/refresh",
    **describe(
        operation_id="refresh",
        summary="Exchange a refresh token for the next pair",
        permission=None,
        public=True,
        view=TokenPair,
        errors=(InvalidToken, TokenReused, SessionEnded, TenantMismatch),
        secret=True,
        request_example={"refresh_token": TOKENS["refresh_token"]},
        response_example=TOKENS,
    ),
)
async def refresh(request: Request, body: RefreshIn, context: Anonymous) -> Response:
    parts = parts_of(request)
    try:
        pair = await parts.mediator.send(RefreshTokens(refresh_token=body.refresh_token))
    except TokenReused:
        await parts.revoked.refresh()  # the session's access tokens end here at once
        raise
    if isinstance(pair, Refused):  # the chain raises those; this is for the type checker's eyes
        raise pair.error
    return _tokens(pair)


@router.get(
    "/me",
    **describe(
        operation_id="get_me",
        summary="Who you are and what you may do here",
        permission=None,
        view=MeView,
        etag=True,
        response_example=ME,
    ),
)
async def get_me(request: Request, caller: SignedIn) -> Response:
    query = GetMe(
        user_id=caller.user_id,
        tenant_id=caller.tenant_id,
        role=caller.role,
        permissions=tuple(sorted(caller.permissions)),
    )
    return view_response(request, await parts_of(request).mediator.send(query))


@router.post(
    "/logout",
    **describe(
        operation_id="logout",
        summary="End this session on every worker",
        permission=None,
        status=204,
    ),
)
async def logout(request: Request, caller: SignedIn) -> Response:
    assert caller.session_id is not None  # noqa: S101 — signed-in callers have one
    request_context.set(replace(request_context.get(), tenant_id=caller.session_tenant_id))  # where the session lives
    response = await run(request, CloseSession(session_id=caller.session_id), empty_answer)
    await parts_of(request).revoked.refresh()
    return response


@router.post(
    "/join",
    **describe(
        operation_id="join_tenant",
        summary="Accept the role the header's tenant offers, or become its customer",
        permission=None,
        status=204,
        errors=(AlreadyMember, TenantMismatch),
        queued=False,  # who joins can't look at a job of that tenant before
    ),
)
async def join_tenant(request: Request, caller: Joining) -> Response:
    return await run(request, JoinTenant(user_id=caller.user_id), empty_answer)
