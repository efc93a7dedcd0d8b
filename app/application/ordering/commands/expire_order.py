from __future__ import annotations

from dataclasses import dataclass

from app.application.catalog.contracts import Shelf
from app.application.ordering.quote import demands_of
from app.application.ports import Clock
from app.domain.ordering.ports import OrderRepository
from app.shared.ids import OrderId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireOrder(Command[None]):
    """The hold ran out: the pieces go back on the shelf."""

    order_id: OrderId


@dataclass(slots=True)
class ExpireOrderHandler:
    orders: OrderRepository
    shelf: Shelf
    clock: Clock

    async def handle(self, command: ExpireOrder) -> None:
        order = await self.orders.get(command.order_id)
        order.expire(now=self.clock.now())
        await self.shelf.release(demands_of(order.lines))
