from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.application.catalog.queries.list_stock_drift import ListStockDrift, StockDriftView
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import Listing, etag_of, listing_bytes, page_response
from app.presentation.strict_route import StrictRoute

router = APIRouter(prefix="/api/v1/stock", tags=["products"], route_class=StrictRoute)

StockReader = Annotated[Caller, Depends(Allow("stock:read"))]

DRIFT = {
    "pool_id": "01936f5e-7c1a-7b52-9d0e-3f6a1b2c4d5f",
    "product_id": "01936f5e-7c1a-7b52-9d0e-3f6a1b2c4d5e",
    "counted": {"held": 3, "sold": 10, "taken": 13},
    "true": {"held": 2, "sold": 10, "taken": 12},
}


@router.get(
    "/drift",
    **describe(
        operation_id="list_stock_drift",
        summary="List stock pools whose counters differ from their orders",
        permission="stock:read",
        view=Listing[StockDriftView],
        etag=True,
        response_example={"items": [DRIFT], "next_cursor": None},
    ),
)
async def list_stock_drift(request: Request, caller: StockReader, paging: PagingOf) -> Response:
    """Recounted from every order of the tenant, so it takes longer the more there are."""
    binding = binding_of(caller.tenant_id, "stock_drift")
    page = await parts_of(request).mediator.send(ListStockDrift(page=paging.request_for(binding)))
    body = listing_bytes(page, paging, binding)
    return page_response(request, body, etag_of(body))
