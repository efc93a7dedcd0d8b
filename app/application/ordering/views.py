"""What a client sees of an order; the fields are the contract's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.kernel import Money
from app.domain.ordering.order import Customer, Order, OrderStatus
from app.shared.ids import OrderId, ProductId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderItemView:
    product_id: ProductId
    name: str
    quantity: int
    unit_price: Money
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """`expires_at` is when a pending order gives its pieces back unless it is confirmed."""

    id: OrderId
    number: str
    status: OrderStatus
    customer: Customer
    items: tuple[OrderItemView, ...]
    total: Money
    placed_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    version: int


def view_of(order: Order) -> OrderView:
    return OrderView(
        id=order.id,
        number=order.number,
        status=order.status,
        customer=order.customer,
        items=tuple(
            OrderItemView(
                product_id=line.product_id,
                name=line.name,
                quantity=line.quantity,
                unit_price=line.unit_price,
                total=line.total,
            )
            for line in order.lines
        ),
        total=order.total,
        placed_at=order.placed_at,
        expires_at=order.expires_at,
        confirmed_at=order.confirmed_at,
        cancelled_at=order.cancelled_at,
        cancel_reason=order.cancel_reason,
        version=order.version,
    )
