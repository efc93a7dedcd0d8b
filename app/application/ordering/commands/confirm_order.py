from __future__ import annotations

from dataclasses import dataclass

from app.application.catalog.contracts import Shelf
from app.application.ordering.quote import demands_of
from app.application.ordering.views import OrderView, view_of
from app.application.ports import Clock
from app.domain.ordering.ports import OrderRepository
from app.shared.ids import OrderId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmOrder(Command[OrderView]):
    """The order is paid or promised: what was held is sold."""

    order_id: OrderId


@dataclass(slots=True)
class ConfirmOrderHandler:
    orders: OrderRepository
    shelf: Shelf
    clock: Clock

    async def handle(self, command: ConfirmOrder) -> OrderView:
        order = await self.orders.get(command.order_id)
        order.confirm(now=self.clock.now())
        await self.shelf.sell(demands_of(order.lines))
        return view_of(order)
