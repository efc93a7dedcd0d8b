from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.application.webhooks.commands.change_webhook import ChangeWebhook
from app.application.webhooks.commands.create_webhook import CreateWebhook
from app.application.webhooks.commands.delete_webhook import DeleteWebhook
from app.application.webhooks.commands.enable_webhook import EnableWebhook
from app.application.webhooks.commands.rotate_secret import RotateSecret
from app.application.webhooks.ports import WebhookUrlRefused
from app.application.webhooks.public_events import PUBLIC_PREFIXES, UnknownEventType, known_filters, public_types
from app.application.webhooks.queries.get_webhook import GetWebhook
from app.application.webhooks.queries.list_webhooks import ListWebhooks
from app.application.webhooks.views import WebhookSecretView, WebhookView
from app.application.webhooks.workflows.check_url import CheckUrl
from app.domain.webhooks.endpoint import WebhookLimit, WebhookNotFound, WebhookState
from app.domain.webhooks.ids import WebhookId
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import (
    JSON,
    Listing,
    empty_answer,
    etag_of,
    expected_version,
    json_bytes,
    listing_bytes,
    page_response,
    run,
    view_answer,
    view_response,
)
from app.presentation.strict_route import StrictRoute
from app.presentation.webhooks.schemas import (
    EVENT_TYPES,
    WEBHOOK,
    WEBHOOK_IN,
    WITH_SECRET,
    EventTypes,
    RotateIn,
    WebhookIn,
    WebhookPatch,
)
from app.shared.errors import StaleVersion

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("webhooks:read"))]
Writer = Annotated[Caller, Depends(Allow("webhooks:write"))]


@router.post(
    "",
    **describe(
        operation_id="create_webhook",
        summary="Be told of events at a URL; the signing secret is shown this once",
        permission="webhooks:write",
        status=201,
        view=WebhookSecretView,
        errors=(WebhookUrlRefused, UnknownEventType, WebhookLimit),
        secret=True,
        request_example=WEBHOOK_IN,
        response_example=WITH_SECRET,
    ),
)
async def create_webhook(request: Request, body: WebhookIn, caller: Writer) -> Response:
    mediator = parts_of(request).mediator
    await mediator.send(CheckUrl(url=body.url))
    command = CreateWebhook(url=body.url, events=tuple(body.events), description=body.description)
    view = await mediator.send(command)
    return _with_secret(view, 201, {"location": f"/api/v1/webhooks/{view.id}"})


def _with_secret(view: WebhookSecretView, status: int, headers: dict[str, str]) -> Response:
    return Response(json_bytes(view), status, headers | {"cache-control": "no-store"}, media_type=JSON)


@router.get(
    "",
    **describe(
        operation_id="list_webhooks",
        summary="List the tenant's webhooks",
        permission="webhooks:read",
        view=Listing[WebhookView],
        etag=True,
        response_example={"items": [WEBHOOK], "next_cursor": None},
    ),
)
async def list_webhooks(request: Request, caller: Reader, paging: PagingOf) -> Response:
    binding = binding_of(caller.tenant_id, "webhooks")
    query = ListWebhooks(page=paging.request_for(binding))
    body = listing_bytes(await parts_of(request).mediator.send(query), paging, binding)
    return page_response(request, body, etag_of(body))


@router.get(
    "/event-types",
    **describe(
        operation_id="get_webhook_event_types",
        summary="What webhooks can be sent for",
        permission="webhooks:read",
        view=EventTypes,
        etag=True,
        response_example=EVENT_TYPES,
    ),
)
async def get_webhook_event_types(request: Request, caller: Reader) -> Response:
    groups = {f"{prefix}.*": words for prefix, words in PUBLIC_PREFIXES.items()}
    body = json_bytes({"filters": known_filters(), "types": public_types(), "groups": groups})
    return page_response(request, body, etag_of(body))


@router.get(
    "/{webhook_id}",
    **describe(
        operation_id="get_webhook",
        summary="Read one webhook, without its secret",
        permission="webhooks:read",
        view=WebhookView,
        not_found=WebhookNotFound,
        etag=True,
        response_example=WEBHOOK,
    ),
)
async def get_webhook(request: Request, webhook_id: UUID, caller: Reader) -> Response:
    query = GetWebhook(webhook_id=WebhookId(webhook_id))
    return view_response(request, await parts_of(request).mediator.send(query))


@router.patch(
    "/{webhook_id}",
    **describe(
        operation_id="change_webhook",
        summary="Change some of a webhook's fields, pause it or let it go on",
        permission="webhooks:write",
        view=WebhookView,
        not_found=WebhookNotFound,
        errors=(WebhookUrlRefused, UnknownEventType, WebhookState, StaleVersion),
        etag=True,
        request_example={"status": "paused"},
        response_example=WEBHOOK | {"status": "paused", "version": 2},
    ),
)
async def change_webhook(request: Request, webhook_id: UUID, body: WebhookPatch, caller: Writer) -> Response:
    changes = body.changes()
    if "url" in changes:
        await parts_of(request).mediator.send(CheckUrl(url=body.url))
    command = ChangeWebhook(webhook_id=WebhookId(webhook_id), expected_version=expected_version(request), **changes)
    return await run(request, command, view_answer)


@router.delete(
    "/{webhook_id}",
    **describe(
        operation_id="delete_webhook",
        summary="Delete a webhook; what was in line for it is not sent",
        permission="webhooks:write",
        status=204,
        not_found=WebhookNotFound,
        errors=(StaleVersion,),
    ),
)
async def delete_webhook(request: Request, webhook_id: UUID, caller: Writer) -> Response:
    command = DeleteWebhook(webhook_id=WebhookId(webhook_id), expected_version=expected_version(request))
    return await run(request, command, empty_answer)


@router.post(
    "/{webhook_id}/rotate-secret",
    **describe(
        operation_id="rotate_webhook_secret",
        summary="Get a new signing secret, shown this once; the one before signs as well for a while",
        permission="webhooks:write",
        view=WebhookSecretView,
        not_found=WebhookNotFound,
        secret=True,
        request_example={"keep_previous_hours": 24},
        response_example=WITH_SECRET | {"previous_secret_until": "2026-11-22T10:00:00Z", "version": 2},
    ),
)
async def rotate_webhook_secret(
    request: Request, webhook_id: UUID, caller: Writer, body: RotateIn | None = None
) -> Response:
    command = RotateSecret(webhook_id=WebhookId(webhook_id), overlap=(body or RotateIn()).overlap)
    return _with_secret(await parts_of(request).mediator.send(command), 200, {})


@router.post(
    "/{webhook_id}/enable",
    **describe(
        operation_id="enable_webhook",
        summary="Send there again after it was paused or disabled",
        permission="webhooks:write",
        view=WebhookView,
        not_found=WebhookNotFound,
        errors=(WebhookState,),
        etag=True,
        response_example=WEBHOOK | {"version": 3},
    ),
)
async def enable_webhook(request: Request, webhook_id: UUID, caller: Writer) -> Response:
    return await run(request, EnableWebhook(webhook_id=WebhookId(webhook_id)), view_answer)
