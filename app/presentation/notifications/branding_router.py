from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.application.notifications.commands.change_branding import ChangeBranding
from app.application.notifications.queries.get_branding import GetBranding
from app.application.notifications.views import BrandingView
from app.presentation.dependencies import Allow, Caller
from app.presentation.notifications.schemas import BRANDING, BrandingPatch
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import expected_version, run, view_answer, view_response
from app.presentation.strict_route import StrictRoute
from app.shared.errors import ConcurrentChange, StaleVersion

router = APIRouter(prefix="/api/v1/settings/branding", tags=["settings"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("settings:read"))]
Writer = Annotated[Caller, Depends(Allow("settings:write"))]


@router.get(
    "",
    **describe(
        operation_id="get_branding",
        summary="How your messages look, and whom they are from",
        permission="settings:read",
        view=BrandingView,
        etag=True,
        response_example=BRANDING,
    ),
)
async def get_branding(request: Request, caller: Reader) -> Response:
    return view_response(request, await parts_of(request).mediator.send(GetBranding()))


@router.patch(
    "",
    **describe(
        operation_id="change_branding",
        summary="Change how your messages look",
        permission="settings:write",
        view=BrandingView,
        errors=(StaleVersion, ConcurrentChange),
        etag=True,
        request_example={"accent_color": "#0f766e", "locale": "de"},
        response_example=BRANDING,
    ),
)
async def change_branding(request: Request, body: BrandingPatch, caller: Writer) -> Response:
    command = ChangeBranding(changes=body.given(), expected_version=expected_version(request))
    return await run(request, command, view_answer)
