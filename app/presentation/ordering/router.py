from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.application.catalog.contracts import SoldOut
from app.application.ordering.commands.cancel_order import CancelOrder
from app.application.ordering.commands.confirm_order import ConfirmOrder
from app.application.ordering.commands.place_order import PlaceOrder
from app.application.ordering.queries.get_order import GetOrder
from app.application.ordering.queries.get_order_history import GetOrderHistory, OrderEventView
from app.application.ordering.queries.list_orders import ListOrders
from app.application.ordering.quote import NotOnSale, OverLimit, UnknownProduct
from app.application.ordering.views import OrderView
from app.domain.kernel import AmountOutOfRange
from app.domain.ordering.order import MixedCurrency, OrderNotFound, OrderState, OrderStatus
from app.presentation.dependencies import Allow, Caller, PagingOf, binding_of
from app.presentation.fields import Email
from app.presentation.operations import describe
from app.presentation.ordering.schemas import HISTORY, ORDER, ORDER_IN, CancelIn, OrderIn
from app.presentation.parts import parts_of
from app.presentation.replies import (
    Listing,
    etag_of,
    json_bytes,
    listing_bytes,
    page_response,
    run,
    view_answer,
    view_response,
)
from app.presentation.strict_route import StrictRoute
from app.shared.ids import OrderId
from app.shared.mediator import Answer

router = APIRouter(prefix="/api/v1/orders", tags=["orders"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("orders:read"))]
Buyer = Annotated[Caller, Depends(Allow("orders:place"))]
Confirmer = Annotated[Caller, Depends(Allow("orders:confirm"))]
Canceller = Annotated[Caller, Depends(Allow("orders:cancel"))]


@router.post(
    "",
    **describe(
        operation_id="place_order",
        summary="Place an order; its pieces are held until it is confirmed or expires",
        permission="orders:place",
        status=201,
        view=OrderView,
        errors=(SoldOut, NotOnSale, UnknownProduct, OverLimit, MixedCurrency, AmountOutOfRange),
        etag=True,
        request_example=ORDER_IN,
        response_example=ORDER,
    ),
)
async def place_order(request: Request, body: OrderIn, caller: Buyer) -> Response:
    command = PlaceOrder(
        buyer_id=caller.user_id,
        customer=body.customer.customer(),
        items=tuple(item.wanted() for item in body.items),
    )
    return await run(request, command, _placed)


def _placed(view: OrderView) -> Answer:
    return view_answer(view, status=201, location=f"/api/v1/orders/{view.id}")


@router.get(
    "",
    **describe(
        operation_id="list_orders",
        summary="List orders; buyers see their own",
        permission="orders:read",
        view=Listing[OrderView],
        etag=True,
        response_example={"items": [ORDER], "next_cursor": None},
    ),
)
async def list_orders(
    request: Request,
    caller: Reader,
    paging: PagingOf,
    status: OrderStatus | None = None,
    email: Annotated[Email | None, Query(description="The customer's whole address, whatever the case.")] = None,
) -> Response:
    binding = binding_of(caller.tenant_id, "orders", caller.own_of, status, email)
    query = ListOrders(page=paging.request_for(binding), status=status, email=email, own_of=caller.own_of)
    body = listing_bytes(await parts_of(request).mediator.send(query), paging, binding)
    return page_response(request, body, etag_of(body))


@router.get(
    "/{order_id}",
    **describe(
        operation_id="get_order",
        summary="Read one order",
        permission="orders:read",
        view=OrderView,
        not_found=OrderNotFound,
        etag=True,
        response_example=ORDER,
    ),
)
async def get_order(request: Request, order_id: UUID, caller: Reader) -> Response:
    query = GetOrder(order_id=OrderId(order_id), own_of=caller.own_of)
    return view_response(request, await parts_of(request).mediator.send(query))


@router.get(
    "/{order_id}/history",
    **describe(
        operation_id="get_order_history",
        summary="All that happened to an order, oldest first",
        permission="orders:read",
        view=Listing[OrderEventView],
        not_found=OrderNotFound,
        etag=True,
        response_example={"items": HISTORY, "next_cursor": None},
    ),
)
async def get_order_history(request: Request, order_id: UUID, caller: Reader) -> Response:
    query = GetOrderHistory(order_id=OrderId(order_id), own_of=caller.own_of)
    events = await parts_of(request).mediator.send(query)
    body = json_bytes({"items": events, "next_cursor": None})
    return page_response(request, body, etag_of(body))


@router.post(
    "/{order_id}/confirm",
    **describe(
        operation_id="confirm_order",
        summary="Confirm an order: what was held is sold",
        permission="orders:confirm",
        view=OrderView,
        not_found=OrderNotFound,
        errors=(OrderState,),
        etag=True,
        response_example=ORDER | {"status": "confirmed", "confirmed_at": "2026-11-21T10:01:00Z", "version": 2},
    ),
)
async def confirm_order(request: Request, order_id: UUID, caller: Confirmer) -> Response:
    return await run(request, ConfirmOrder(order_id=OrderId(order_id)), view_answer)


@router.post(
    "/{order_id}/cancel",
    **describe(
        operation_id="cancel_order",
        summary="Cancel an order; its pieces are free again. Buyers cancel their own before it is confirmed",
        permission="orders:cancel",
        view=OrderView,
        not_found=OrderNotFound,
        errors=(OrderState,),
        etag=True,
        request_example={"reason": "Bought the wrong day"},
        response_example=ORDER | {"status": "cancelled", "cancelled_at": "2026-11-21T10:02:00Z", "version": 2},
    ),
)
async def cancel_order(request: Request, order_id: UUID, caller: Canceller, body: CancelIn | None = None) -> Response:
    reason = body.reason if body is not None else None
    command = CancelOrder(order_id=OrderId(order_id), reason=reason, own_of=caller.own_of)
    return await run(request, command, view_answer)
