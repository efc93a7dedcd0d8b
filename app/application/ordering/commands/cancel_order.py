from __future__ import annotations

from dataclasses import dataclass

from app.application.catalog.contracts import Shelf
from app.application.ordering.quote import demands_of
from app.application.ordering.views import OrderView, view_of
from app.application.ports import Clock
from app.domain.ordering.order import OrderNotFound, OrderState, OrderStatus
from app.domain.ordering.ports import OrderRepository
from app.shared.ids import OrderId, UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(Command[OrderView]):
    """Give the pieces back. With `own_of`, only that buyer's own order, and only before it is confirmed."""

    order_id: OrderId
    reason: str | None = None
    own_of: UserId | None = None


@dataclass(slots=True)
class CancelOrderHandler:
    orders: OrderRepository
    shelf: Shelf
    clock: Clock

    async def handle(self, command: CancelOrder) -> OrderView:
        order = await self.orders.get(command.order_id)
        if command.own_of is not None and order.buyer_id != command.own_of:
            raise OrderNotFound("There is no such order.")
        was_sold = order.status is OrderStatus.CONFIRMED
        if was_sold and command.own_of is not None:
            raise OrderState("The order is confirmed; ask the organizer to cancel it.", order_status=order.status)
        order.cancel(reason=command.reason, now=self.clock.now())
        give_back = self.shelf.take_back if was_sold else self.shelf.release
        await give_back(demands_of(order.lines))
        return view_of(order)
