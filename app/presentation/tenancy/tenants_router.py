from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.application.tenancy.commands.change_tenant import ChangeTenant
from app.application.tenancy.commands.create_tenant import CreateTenant
from app.application.tenancy.queries.get_tenant import GetTenant
from app.application.tenancy.queries.list_tenants import ListTenants
from app.application.tenancy.views import TenantView
from app.domain.tenancy.tenant import SlugTaken, TenantNotFound
from app.presentation.dependencies import Allow, Caller, PagingOf, SignedIn, binding_of
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import (
    Listing,
    etag_of,
    expected_version,
    listing_bytes,
    page_response,
    run,
    view_answer,
    view_response,
)
from app.presentation.strict_route import StrictRoute
from app.presentation.tenancy.schemas import TENANT, TenantIn, TenantPatch
from app.shared.errors import StaleVersion
from app.shared.ids import TenantId

router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"], route_class=StrictRoute)

TenantWriter = Annotated[Caller, Depends(Allow("tenants:write", path_tenant=True))]


@router.get(
    "",
    **describe(
        operation_id="list_tenants",
        summary="List the tenants you belong to; superusers see all",
        permission=None,
        view=Listing[TenantView],
        etag=True,
        response_example={"items": [TENANT], "next_cursor": None},
    ),
)
async def list_tenants(request: Request, caller: SignedIn, paging: PagingOf) -> Response:
    member_id = None if caller.is_superuser else caller.user_id
    binding = binding_of("tenants", member_id)
    query = ListTenants(page=paging.request_for(binding), member_id=member_id)
    body = listing_bytes(await parts_of(request).mediator.send(query), paging, binding)
    return page_response(request, body, etag_of(body))


@router.get(
    "/{tenant_id}",
    **describe(
        operation_id="get_tenant",
        summary="Read one of your tenants",
        permission=None,
        view=TenantView,
        not_found=TenantNotFound,
        etag=True,
        response_example=TENANT,
    ),
)
async def get_tenant(request: Request, tenant_id: UUID, caller: SignedIn) -> Response:
    member_id = None if caller.is_superuser else caller.user_id
    query = GetTenant(tenant_id=TenantId(tenant_id), member_id=member_id)
    return view_response(request, await parts_of(request).mediator.send(query))


@router.post(
    "",
    **describe(
        operation_id="create_tenant",
        summary="Found a tenant; you become its owner",
        permission=None,
        status=201,
        view=TenantView,
        errors=(SlugTaken,),
        etag=True,
        request_example={"slug": "open-air", "name": "Open Air e.V."},
        response_example=TENANT,
    ),
)
async def create_tenant(request: Request, body: TenantIn, caller: SignedIn) -> Response:
    command = CreateTenant(slug=body.slug, name=body.name, owner_id=caller.user_id)
    return await run(
        request, command, lambda view: view_answer(view, status=201, location=f"/api/v1/tenants/{view.id}")
    )


@router.patch(
    "/{tenant_id}",
    **describe(
        operation_id="change_tenant",
        summary="Change a tenant's name or slug",
        permission="tenants:write",
        view=TenantView,
        not_found=TenantNotFound,
        errors=(SlugTaken, StaleVersion),
        etag=True,
        request_example={"name": "Open Air gGmbH"},
        response_example=TENANT,
    ),
)
async def change_tenant(request: Request, tenant_id: UUID, body: TenantPatch, caller: TenantWriter) -> Response:
    command = ChangeTenant(
        tenant_id=TenantId(tenant_id), slug=body.slug, name=body.name, expected_version=expected_version(request)
    )
    return await run(request, command, view_answer)
