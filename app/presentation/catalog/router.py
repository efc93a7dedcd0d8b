from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import StringConstraints

from app.application.catalog.commands.change_product import ChangeProduct
from app.application.catalog.commands.create_product import CreateProduct
from app.application.catalog.commands.delete_product import DeleteProduct
from app.application.catalog.queries.get_product import GetProduct
from app.application.catalog.queries.list_products import ListProducts
from app.application.catalog.views import ProductView
from app.domain.catalog.product import (
    CapacityBelowTaken,
    ProductKind,
    ProductNotFound,
    ProductStatus,
    SaleWindowInverted,
    SkuTaken,
)
from app.presentation.catalog.schemas import PRODUCT, PRODUCT_IN, ProductIn, ProductPatch
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of, shopper_at_home
from app.presentation.operations import describe
from app.presentation.page_keys import product_page_key
from app.presentation.parts import parts_of
from app.presentation.replies import (
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
from app.presentation.strict_route import StrictRoute, early
from app.shared.errors import StaleVersion
from app.shared.ids import ProductId

router = APIRouter(prefix="/api/v1/products", tags=["products"], route_class=StrictRoute)

Shopper = Annotated[Caller, Depends(Allow("products:read", anonymous=True))]
Writer = Annotated[Caller, Depends(Allow("products:write"))]
Search = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"\S")]


@router.get(
    "",
    **describe(
        operation_id="list_products",
        summary="List products",
        permission="products:read",
        public=True,
        view=Listing[ProductView],
        etag=True,
        response_example={"items": [PRODUCT], "next_cursor": None},
    ),
)
async def list_products(
    request: Request,
    caller: Shopper,
    paging: PagingOf,
    status: Annotated[ProductStatus | None, Query(description="Buyers see active products only.")] = None,
    kind: ProductKind | None = None,
    q: Annotated[Search | None, Query(description="Found anywhere in name or sku, whatever the case.")] = None,
) -> Response:
    parts = parts_of(request)
    shown = status if caller.is_staff else ProductStatus.ACTIVE
    binding = binding_of(caller.tenant_id, "products", shown, kind, q)
    query = ListProducts(page=paging.request_for(binding), status=shown, kind=kind, search=q)

    async def make() -> bytes:
        return listing_bytes(await parts.mediator.send(query), paging, binding)

    if caller.is_staff:
        body = await make()
        return page_response(request, body, etag_of(body))
    if status not in (None, ProductStatus.ACTIVE):
        return page_response(request, b'{"items":[],"next_cursor":null}', '"none"')
    page = await parts.pages.load(binding_of(binding, paging.newest_first, paging.limit, paging.cursor), make)
    return page_response(request, page.body, page.etag)


def _page_in_memory(request: Request) -> Response | None:
    """On an on-sale's hottest page a request needs its token checked and these bytes, nothing else."""
    tenant_id = shopper_at_home(request)
    if tenant_id is None:
        return None
    page = parts_of(request).pages.peek(product_page_key(tenant_id, request.path_params["product_id"]))
    return None if page is None else page_response(request, page.body, page.etag)


@router.get(
    "/{product_id}",
    **describe(
        operation_id="get_product",
        summary="Read one product",
        permission="products:read",
        public=True,
        view=ProductView,
        not_found=ProductNotFound,
        etag=True,
        response_example=PRODUCT,
    ),
)
@early(_page_in_memory)
async def get_product(request: Request, product_id: UUID, caller: Shopper) -> Response:
    parts = parts_of(request)
    if caller.is_staff:
        query = GetProduct(product_id=ProductId(product_id), active_only=False)
        return view_response(request, await parts.mediator.send(query))

    async def make() -> bytes:
        return json_bytes(await parts.mediator.send(GetProduct(product_id=ProductId(product_id), active_only=True)))

    page = await parts.pages.load(product_page_key(caller.tenant_id, product_id), make)
    return page_response(request, page.body, page.etag)


@router.post(
    "",
    **describe(
        operation_id="create_product",
        summary="Put a product into the catalogue",
        permission="products:write",
        status=201,
        view=ProductView,
        errors=(SkuTaken, SaleWindowInverted),
        etag=True,
        request_example=PRODUCT_IN,
        response_example=PRODUCT,
    ),
)
async def create_product(request: Request, body: ProductIn, caller: Writer) -> Response:
    command = CreateProduct(details=body.details())
    return await run(request, command, lambda view: view_answer(view, status=201, location=_path(view)))


def _path(view: ProductView) -> str:
    return f"/api/v1/products/{view.id}"


@router.patch(
    "/{product_id}",
    **describe(
        operation_id="change_product",
        summary="Change some of a product's fields",
        permission="products:write",
        view=ProductView,
        not_found=ProductNotFound,
        errors=(SkuTaken, CapacityBelowTaken, SaleWindowInverted, StaleVersion),
        etag=True,
        request_example={"price": {"amount": 4900, "currency": "EUR"}},
        response_example=PRODUCT,
    ),
)
async def change_product(request: Request, product_id: UUID, body: ProductPatch, caller: Writer) -> Response:
    command = ChangeProduct(
        product_id=ProductId(product_id), changes=body.changes(), expected_version=expected_version(request)
    )
    response = await run(request, command, view_answer)
    await parts_of(request).pages.invalidate(product_page_key(caller.tenant_id, product_id))
    return response


@router.delete(
    "/{product_id}",
    **describe(
        operation_id="delete_product",
        summary="Take a product off the catalogue; archived when it ever sold",
        permission="products:write",
        status=204,
        not_found=ProductNotFound,
        errors=(StaleVersion,),
    ),
)
async def delete_product(request: Request, product_id: UUID, caller: Writer) -> Response:
    command = DeleteProduct(product_id=ProductId(product_id), expected_version=expected_version(request))
    response = await run(request, command, empty_answer)
    await parts_of(request).pages.invalidate(product_page_key(caller.tenant_id, product_id))
    return response
