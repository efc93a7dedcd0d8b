from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.application.notifications.commands.release_address import ReleaseAddress
from app.application.notifications.queries.get_suppression import GetSuppression
from app.application.notifications.queries.list_suppressions import ListSuppressions
from app.application.notifications.views import SuppressionView
from app.domain.notifications.suppression import SuppressionId, SuppressionNotFound
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of
from app.presentation.notifications.schemas import SUPPRESSION
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import Listing, empty_answer, etag_of, listing_bytes, page_response, run, view_response
from app.presentation.strict_route import StrictRoute

router = APIRouter(prefix="/api/v1/suppressions", tags=["messages"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("messages:read"))]
Writer = Annotated[Caller, Depends(Allow("messages:write"))]


@router.get(
    "",
    **describe(
        operation_id="list_suppressions",
        summary="List the addresses that get nothing more",
        permission="messages:read",
        view=Listing[SuppressionView],
        etag=True,
        response_example={"items": [SUPPRESSION], "next_cursor": None},
    ),
)
async def list_suppressions(request: Request, caller: Reader, paging: PagingOf) -> Response:
    binding = binding_of(caller.tenant_id, "suppressions")
    page = await parts_of(request).mediator.send(ListSuppressions(page=paging.request_for(binding)))
    body = listing_bytes(page, paging, binding)
    return page_response(request, body, etag_of(body))


@router.get(
    "/{suppression_id}",
    **describe(
        operation_id="get_suppression",
        summary="Read why an address gets nothing more",
        permission="messages:read",
        view=SuppressionView,
        not_found=SuppressionNotFound,
        etag=True,
        response_example=SUPPRESSION,
    ),
)
async def get_suppression(request: Request, suppression_id: UUID, caller: Reader) -> Response:
    query = GetSuppression(suppression_id=SuppressionId(suppression_id))
    return view_response(request, await parts_of(request).mediator.send(query))


@router.delete(
    "/{suppression_id}",
    **describe(
        operation_id="release_address",
        summary="Let an address be written to again",
        permission="messages:write",
        status=204,
        not_found=SuppressionNotFound,
    ),
)
async def release_address(request: Request, suppression_id: UUID, caller: Writer) -> Response:
    return await run(request, ReleaseAddress(suppression_id=SuppressionId(suppression_id)), empty_answer)
