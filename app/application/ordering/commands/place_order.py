from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.application.catalog.contracts import Shelf
from app.application.ordering.quote import Wanted, demands_of, quote
from app.application.ordering.views import OrderView, view_of
from app.application.ports import Clock, IdSource
from app.domain.ordering.order import Customer, Order
from app.domain.ordering.ports import OrderRepository
from app.shared.ids import OrderId, UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(Command[OrderView]):
    """Hold pieces of the catalogue for a customer until the order is confirmed or its time runs out."""

    buyer_id: UserId
    customer: Customer
    items: tuple[Wanted, ...]


@dataclass(slots=True)
class PlaceOrderHandler:
    orders: OrderRepository
    shelf: Shelf
    clock: Clock
    ids: IdSource
    hold: timedelta

    async def handle(self, command: PlaceOrder) -> OrderView:
        now = self.clock.now()
        offers = await self.shelf.offers([item.product_id for item in command.items])
        order = Order.place(
            id=OrderId(self.ids.new()),
            buyer_id=command.buyer_id,
            customer=command.customer,
            lines=quote(command.items, offers, now),
            expires_at=now + self.hold,
            now=now,
        )
        self.shelf.reserve(demands_of(order.lines))  # last that can refuse: a refusal has changed nothing
        self.orders.add(order)
        return view_of(order)
