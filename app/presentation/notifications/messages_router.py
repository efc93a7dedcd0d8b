from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.application.notifications.commands.resend_message import ResendMessage
from app.application.notifications.commands.send_test_message import NoOwnAddress, SendTestMessage
from app.application.notifications.queries.get_message import GetMessage
from app.application.notifications.queries.list_messages import ListMessages
from app.application.notifications.views import MessageDetailView, MessageView
from app.domain.notifications.message import (
    AddressIsSuppressed,
    Channel,
    MessageId,
    MessageNotFound,
    MessageState,
    MessageStatus,
)
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of
from app.presentation.notifications.schemas import DETAIL, MESSAGE, QUEUED
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import Listing, etag_of, listing_bytes, page_response, run, view_answer, view_response
from app.presentation.strict_route import StrictRoute
from app.shared.mediator import Answer

router = APIRouter(prefix="/api/v1/messages", tags=["messages"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("messages:read"))]
Writer = Annotated[Caller, Depends(Allow("messages:write"))]


@router.get(
    "",
    **describe(
        operation_id="list_messages",
        summary="List mails and texts, without their bodies",
        permission="messages:read",
        view=Listing[MessageView],
        etag=True,
        response_example={"items": [MESSAGE], "next_cursor": None},
    ),
)
async def list_messages(
    request: Request,
    caller: Reader,
    paging: PagingOf,
    status: MessageStatus | None = None,
    channel: Channel | None = None,
) -> Response:
    binding = binding_of(caller.tenant_id, "messages", status, channel)
    query = ListMessages(page=paging.request_for(binding), status=status, channel=channel)
    body = listing_bytes(await parts_of(request).mediator.send(query), paging, binding)
    return page_response(request, body, etag_of(body))


@router.get(
    "/{message_id}",
    **describe(
        operation_id="get_message",
        summary="Read one message as its reader gets it",
        permission="messages:read",
        view=MessageDetailView,
        not_found=MessageNotFound,
        etag=True,
        response_example=DETAIL,
    ),
)
async def get_message(request: Request, message_id: UUID, caller: Reader) -> Response:
    query = GetMessage(message_id=MessageId(message_id))
    return view_response(request, await parts_of(request).mediator.send(query))


@router.post(
    "/test",
    **describe(
        operation_id="send_test_message",
        summary="Send yourself a mail that shows your branding",
        permission="messages:write",
        status=201,
        view=MessageView,
        errors=(NoOwnAddress,),
        etag=True,
        response_example=QUEUED | {"template": "test", "subject": "A test mail from Open Air e.V."},
    ),
)
async def send_test_message(request: Request, caller: Writer) -> Response:
    command = SendTestMessage(user_id=caller.user_id, request_id=request.scope["state"]["request_id"])
    return await run(request, command, _queued)


def _queued(view: MessageView) -> Answer:
    return view_answer(view, status=201, location=f"/api/v1/messages/{view.id}")


@router.post(
    "/{message_id}/resend",
    **describe(
        operation_id="resend_message",
        summary="Send a message once more",
        permission="messages:write",
        view=MessageView,
        not_found=MessageNotFound,
        errors=(MessageState, AddressIsSuppressed),
        etag=True,
        response_example=QUEUED | {"version": 3},
    ),
)
async def resend_message(request: Request, message_id: UUID, caller: Writer) -> Response:
    return await run(request, ResendMessage(message_id=MessageId(message_id)), view_answer)
