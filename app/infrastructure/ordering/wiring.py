"""Ordering's bindings. Every command that moves stock shares one lane, so it shares commits with the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from app.application.catalog.contracts import Shelf
from app.application.ordering.commands.cancel_order import CancelOrder, CancelOrderHandler
from app.application.ordering.commands.confirm_order import ConfirmOrder, ConfirmOrderHandler
from app.application.ordering.commands.expire_order import ExpireOrder, ExpireOrderHandler
from app.application.ordering.commands.place_order import PlaceOrder, PlaceOrderHandler
from app.application.ordering.contracts import OrderLookup
from app.application.ordering.queries.get_order import GetOrder
from app.application.ordering.queries.get_order_history import GetOrderHistory
from app.application.ordering.queries.list_orders import ListOrders
from app.application.ports import Clock, IdSource
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.ordering.lookup import SqlOrderLookup
from app.infrastructure.ordering.queries import GetOrderHandler, GetOrderHistoryHandler, ListOrdersHandler
from app.infrastructure.ordering.repository import SqlOrderRepository, lock_orders
from app.shared.mediator import Message

ShelfOf = Callable[[UnitOfWork], Shelf]


def bind_ordering(routes: Routes, *, shelf_of: ShelfOf, clock: Clock, ids: IdSource, hold: timedelta) -> None:
    async def lock_all(work: UnitOfWork, messages: Sequence[Message[Any]]) -> None:
        """Orders first, then every pool the batch can touch: the same sequence in each transaction."""
        named = {m.order_id for m in messages if isinstance(m, ConfirmOrder | CancelOrder | ExpireOrder)}
        orders = await lock_orders(work, named)
        products = {item.product_id for m in messages if isinstance(m, PlaceOrder) for item in m.items}
        await shelf_of(work).load(products, {line.pool_id for order in orders for line in order.lines})

    routes.command(
        PlaceOrder,
        lambda s: PlaceOrderHandler(SqlOrderRepository(s), shelf_of(s.work), clock, ids, hold),
        prepare=lock_all,
    )
    routes.command(
        ConfirmOrder, lambda s: ConfirmOrderHandler(SqlOrderRepository(s), shelf_of(s.work), clock), prepare=lock_all
    )
    routes.command(
        CancelOrder, lambda s: CancelOrderHandler(SqlOrderRepository(s), shelf_of(s.work), clock), prepare=lock_all
    )
    routes.command(
        ExpireOrder, lambda s: ExpireOrderHandler(SqlOrderRepository(s), shelf_of(s.work), clock), prepare=lock_all
    )
    routes.repeat_on("uq_orders_tenant_id_number")
    routes.query(GetOrder, GetOrderHandler)
    routes.query(ListOrders, ListOrdersHandler)
    routes.query(GetOrderHistory, GetOrderHistoryHandler)


def orders_of(scope: Scope) -> OrderLookup:
    """Ordering's contract, handed to other contexts by the composition root."""
    return SqlOrderLookup(scope)
