"""Catalog and ordering with a clock, ids and a hold of the test's own, on the system's database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

from app.application.ordering.commands.cancel_order import CancelOrder
from app.application.ordering.commands.confirm_order import ConfirmOrder
from app.application.ordering.commands.expire_order import ExpireOrder
from app.application.ordering.commands.place_order import PlaceOrder
from app.application.ordering.quote import Wanted
from app.application.ordering.views import OrderView
from app.application.ports import Clock, IdSource
from app.container import SystemClock, TimeOrderedIds
from app.infrastructure.catalog.wiring import bind_catalog, shelf_of
from app.infrastructure.database.dispatch import Routes, build_mediator
from app.infrastructure.ordering.wiring import ShelfOf, bind_ordering
from app.infrastructure.signals.local import LocalSignals
from app.shared.ids import OrderId, ProductId, UserId
from app.shared.mediator import Mediator
from app.shared.tenant_context import RequestContext
from tests.support.builders import ADA
from tests.support.system import Organizer, System


@dataclass(slots=True)
class Shop:
    """A second process, as it were: it shares the database and nothing else."""

    system: System
    organizer: Organizer
    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=TimeOrderedIds)
    hold: timedelta = timedelta(minutes=15)
    shelf_of: ShelfOf = shelf_of
    max_queued: int = 1_000
    bus: Mediator = field(init=False)

    def __post_init__(self) -> None:
        routes = Routes()
        bind_catalog(routes, clock=self.clock, ids=self.ids)
        bind_ordering(routes, shelf_of=self.shelf_of, clock=self.clock, ids=self.ids, hold=self.hold)
        self.bus = build_mediator(
            routes, self.system.application.database, self.clock, self.ids, LocalSignals(), max_queued=self.max_queued
        )

    @property
    def context(self) -> RequestContext:
        return replace(self.organizer.owner.context, request_id=f"shop-{uuid4()}")

    async def place(self, *product_ids: UUID, quantity: int = 1, buyer: UUID | None = None) -> OrderView:
        return await self.bus.send(
            PlaceOrder(
                buyer_id=UserId(buyer) if buyer else self.organizer.owner.user_id,
                customer=ADA,
                items=tuple(Wanted(ProductId(one), quantity) for one in product_ids),
            ),
            self.context,
        )

    async def confirm(self, order_id: UUID) -> OrderView:
        return await self.bus.send(ConfirmOrder(order_id=OrderId(order_id)), self.context)

    async def cancel(self, order_id: UUID) -> OrderView:
        return await self.bus.send(CancelOrder(order_id=OrderId(order_id), reason="rain"), self.context)

    async def expire(self, order_id: UUID) -> None:
        await self.bus.send(ExpireOrder(order_id=OrderId(order_id)), self.context)
