from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.application.messaging.commands.discard_dead_letter import DiscardDeadLetter
from app.application.messaging.commands.replay_dead_letter import ReplayDeadLetter
from app.application.messaging.ports import DeadLetterNotFound, DeadLetterReplayed
from app.application.messaging.queries.get_dead_letter import GetDeadLetter
from app.application.messaging.queries.list_dead_letters import ListDeadLetters
from app.application.messaging.views import DeadLetterDetails, DeadLetterView
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of
from app.presentation.messaging.schemas import DEAD_LETTER, DETAILS
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import (
    Listing,
    empty_answer,
    etag_of,
    listing_bytes,
    page_response,
    run,
    view_answer,
    view_response,
)
from app.presentation.strict_route import StrictRoute
from app.shared.ids import DeadLetterId

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("dead_letters:read"))]
Admin = Annotated[Caller, Depends(Allow("dead_letters:write"))]


@router.get(
    "",
    **describe(
        operation_id="list_dead_letters",
        summary="Messages that a subscriber could not deal with",
        permission="dead_letters:read",
        view=Listing[DeadLetterView],
        etag=True,
        response_example={"items": [DEAD_LETTER], "next_cursor": None},
    ),
)
async def list_dead_letters(
    request: Request,
    caller: Reader,
    paging: PagingOf,
    subscriber: Annotated[str | None, Query(min_length=1, max_length=100, description="Only this one's.")] = None,
) -> Response:
    binding = binding_of(caller.tenant_id, "dead_letters", subscriber)
    query = ListDeadLetters(page=paging.request_for(binding), subscriber=subscriber)
    body = listing_bytes(await parts_of(request).mediator.send(query), paging, binding)
    return page_response(request, body, etag_of(body))


@router.get(
    "/{letter_id}",
    **describe(
        operation_id="get_dead_letter",
        summary="One message with the event it carries",
        permission="dead_letters:read",
        view=DeadLetterDetails,
        not_found=DeadLetterNotFound,
        etag=True,
        response_example=DETAILS,
    ),
)
async def get_dead_letter(request: Request, letter_id: UUID, caller: Reader) -> Response:
    query = GetDeadLetter(letter_id=DeadLetterId(letter_id))
    return view_response(request, await parts_of(request).mediator.send(query))


@router.post(
    "/{letter_id}/replay",
    **describe(
        operation_id="replay_dead_letter",
        summary="Have the subscriber try again",
        permission="dead_letters:write",
        view=DeadLetterView,
        not_found=DeadLetterNotFound,
        errors=(DeadLetterReplayed,),
        etag=True,
        response_example=DEAD_LETTER | {"replayed_at": "2026-11-21T10:05:00Z"},
    ),
)
async def replay_dead_letter(request: Request, letter_id: UUID, caller: Admin) -> Response:
    return await run(request, ReplayDeadLetter(letter_id=DeadLetterId(letter_id)), view_answer)


@router.delete(
    "/{letter_id}",
    **describe(
        operation_id="discard_dead_letter",
        summary="Give up on a message for good",
        permission="dead_letters:write",
        status=204,
        not_found=DeadLetterNotFound,
    ),
)
async def discard_dead_letter(request: Request, letter_id: UUID, caller: Admin) -> Response:
    return await run(request, DiscardDeadLetter(letter_id=DeadLetterId(letter_id)), empty_answer)
