"""What was sent to a webhook, what came back, and sending it again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.application.webhooks.commands.resend_delivery import ResendDelivery
from app.application.webhooks.commands.resend_failed import ResendFailed
from app.application.webhooks.commands.send_ping import SendPing
from app.application.webhooks.queries.get_delivery import GetDelivery
from app.application.webhooks.queries.list_deliveries import ListDeliveries
from app.application.webhooks.views import DeliveryDetailView, DeliveryView, QueuedView, ReplayView
from app.domain.webhooks.delivery import DeliveryNotFound, DeliveryStatus
from app.domain.webhooks.endpoint import WebhookNotFound, WebhookState
from app.domain.webhooks.ids import DeliveryId, WebhookId
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import (
    Listing,
    etag_of,
    json_bytes,
    listing_bytes,
    page_response,
    run,
    view_response,
)
from app.presentation.strict_route import StrictRoute
from app.presentation.webhooks.schemas import DELIVERY, DELIVERY_DETAIL, QUEUED, ReplayIn
from app.shared.mediator import Answer

router = APIRouter(prefix="/api/v1/webhooks/{webhook_id}", tags=["webhooks"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("webhooks:read"))]
Writer = Annotated[Caller, Depends(Allow("webhooks:write"))]


def _queued(webhook_id: UUID, view: QueuedView) -> Answer:
    location = f"/api/v1/webhooks/{webhook_id}/deliveries/{view.delivery_id}"
    return Answer(202, json_bytes(view), (("location", location),))


@router.post(
    "/ping",
    **describe(
        operation_id="ping_webhook",
        summary="Send a webhook.ping, to try it out; its delivery tells what came of it",
        permission="webhooks:write",
        status=202,
        view=QueuedView,
        not_found=WebhookNotFound,
        errors=(WebhookState,),
        response_example=QUEUED,
    ),
)
async def ping_webhook(request: Request, webhook_id: UUID, caller: Writer) -> Response:
    command = SendPing(webhook_id=WebhookId(webhook_id))
    return await run(request, command, lambda view: _queued(webhook_id, view))


@router.get(
    "/deliveries",
    **describe(
        operation_id="get_webhook_deliveries",
        summary="What was, or is to be, sent to a webhook",
        permission="webhooks:read",
        view=Listing[DeliveryView],
        not_found=WebhookNotFound,
        etag=True,
        response_example={"items": [DELIVERY], "next_cursor": None},
    ),
)
async def get_webhook_deliveries(
    request: Request, webhook_id: UUID, caller: Reader, paging: PagingOf, status: DeliveryStatus | None = None
) -> Response:
    binding = binding_of(caller.tenant_id, "webhook_deliveries", webhook_id, status)
    query = ListDeliveries(webhook_id=WebhookId(webhook_id), page=paging.request_for(binding), status=status)
    body = listing_bytes(await parts_of(request).mediator.send(query), paging, binding)
    return page_response(request, body, etag_of(body))


@router.get(
    "/deliveries/{delivery_id}",
    **describe(
        operation_id="get_webhook_delivery",
        summary="One delivery with its body and every attempt",
        permission="webhooks:read",
        view=DeliveryDetailView,
        not_found=DeliveryNotFound,
        etag=True,
        response_example=DELIVERY_DETAIL,
    ),
)
async def get_webhook_delivery(request: Request, webhook_id: UUID, delivery_id: UUID, caller: Reader) -> Response:
    query = GetDelivery(webhook_id=WebhookId(webhook_id), delivery_id=DeliveryId(delivery_id))
    return view_response(request, await parts_of(request).mediator.send(query))


@router.post(
    "/deliveries/{delivery_id}/replay",
    **describe(
        operation_id="replay_webhook_delivery",
        summary="Send a delivery's message once more, under the same message id",
        permission="webhooks:write",
        status=202,
        view=QueuedView,
        not_found=DeliveryNotFound,
        errors=(WebhookNotFound, WebhookState),
        response_example=QUEUED,
    ),
)
async def replay_webhook_delivery(request: Request, webhook_id: UUID, delivery_id: UUID, caller: Writer) -> Response:
    command = ResendDelivery(webhook_id=WebhookId(webhook_id), delivery_id=DeliveryId(delivery_id))
    return await run(request, command, lambda view: _queued(webhook_id, view))


@router.post(
    "/replay",
    **describe(
        operation_id="replay_failed_webhooks",
        summary="Send again what failed or was cancelled since an instant, at most 1,000 at once",
        permission="webhooks:write",
        view=ReplayView,
        not_found=WebhookNotFound,
        errors=(WebhookState,),
        request_example={"since": "2026-11-20T00:00:00Z"},
        response_example={"queued": 12, "more": False},
    ),
)
async def replay_failed_webhooks(request: Request, webhook_id: UUID, body: ReplayIn, caller: Writer) -> Response:
    command = ResendFailed(webhook_id=WebhookId(webhook_id), since=body.since)
    return await run(request, command, lambda view: Answer(200, json_bytes(view)))
