from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from app.application.catalog.contracts import SoldOut
from app.application.ordering.commands.cancel_order import CancelOrder, CancelOrderHandler
from app.application.ordering.commands.confirm_order import ConfirmOrder, ConfirmOrderHandler
from app.application.ordering.commands.expire_order import ExpireOrder, ExpireOrderHandler
from app.application.ordering.commands.place_order import PlaceOrder, PlaceOrderHandler
from app.application.ordering.quote import Wanted
from app.application.ordering.views import OrderView
from app.domain.catalog.product import Product
from app.domain.ordering.order import OrderNotFound, OrderState, OrderStatus
from app.shared.ids import OrderId, UserId
from tests.support.builders import ADA, HOLD, a_product
from tests.support.fakes import NOON, CountedIds, FakeOrders, FakeProducts, FakeShelf, SettableClock

BUYER = UserId(uuid4())


@dataclass
class Shop:
    product: Product = field(default_factory=lambda: a_product(capacity=5))
    orders: FakeOrders = field(default_factory=FakeOrders)
    clock: SettableClock = field(default_factory=SettableClock)

    def __post_init__(self) -> None:
        self.products = FakeProducts()
        self.products.add(self.product)
        self.shelf = FakeShelf(self.products)

    async def place(self, quantity: int = 2) -> OrderView:
        handler = PlaceOrderHandler(self.orders, self.shelf, self.clock, CountedIds(), HOLD)
        items = (Wanted(self.product.id, quantity),)
        return await handler.handle(PlaceOrder(buyer_id=BUYER, customer=ADA, items=items))

    async def confirm(self, order_id: OrderId) -> OrderView:
        return await ConfirmOrderHandler(self.orders, self.shelf, self.clock).handle(ConfirmOrder(order_id=order_id))

    async def cancel(self, order_id: OrderId, own_of: UserId | None = None) -> OrderView:
        command = CancelOrder(order_id=order_id, reason="rain", own_of=own_of)
        return await CancelOrderHandler(self.orders, self.shelf, self.clock).handle(command)

    async def expire(self, order_id: OrderId) -> None:
        await ExpireOrderHandler(self.orders, self.shelf, self.clock).handle(ExpireOrder(order_id=order_id))

    @property
    def stock(self) -> tuple[int, int]:
        pool = self.products.pools[self.product.pool_id]
        return pool.held, pool.sold


async def test_placing_holds_the_pieces_until_the_hold_ends() -> None:
    shop = Shop()

    view = await shop.place(2)

    assert (view.status, view.placed_at, view.expires_at) == (OrderStatus.PENDING, NOON, NOON + HOLD)
    assert shop.stock == (2, 0)


async def test_an_order_for_too_much_leaves_no_trace() -> None:
    shop = Shop()

    with pytest.raises(SoldOut):
        await shop.place(6)

    assert shop.orders.stored == {}
    assert shop.stock == (0, 0)


async def test_confirming_turns_held_into_sold() -> None:
    shop = Shop()

    view = await shop.confirm((await shop.place()).id)

    assert view.status is OrderStatus.CONFIRMED
    assert shop.stock == (0, 2)


@pytest.mark.parametrize("confirmed", [False, True])
async def test_cancelling_frees_what_was_held_or_sold(confirmed: bool) -> None:
    shop = Shop()
    order = await shop.place()
    if confirmed:
        await shop.confirm(order.id)

    view = await shop.cancel(order.id)

    assert (view.status, view.cancel_reason) == (OrderStatus.CANCELLED, "rain")
    assert shop.stock == (0, 0)


async def test_expiring_frees_what_was_held() -> None:
    shop = Shop()
    order = await shop.place()
    with pytest.raises(OrderState):
        await shop.expire(order.id)
    shop.clock.move(minutes=15)

    await shop.expire(order.id)

    assert shop.orders.stored[order.id].status is OrderStatus.EXPIRED
    assert shop.stock == (0, 0)


async def test_buyers_cancel_their_own_orders_only_and_only_before_they_are_confirmed() -> None:
    shop = Shop()
    order = await shop.place()

    with pytest.raises(OrderNotFound):
        await shop.cancel(order.id, own_of=UserId(uuid4()))
    await shop.confirm(order.id)
    with pytest.raises(OrderState):
        await shop.cancel(order.id, own_of=BUYER)

    assert shop.stock == (0, 2)


async def test_buyers_cancel_what_is_pending() -> None:
    shop = Shop()
    order = await shop.place()

    await shop.cancel(order.id, own_of=BUYER)

    assert shop.stock == (0, 0)


async def test_nothing_can_be_done_to_an_order_that_is_not_there() -> None:
    shop = Shop()
    for act in (shop.confirm, shop.cancel, shop.expire):
        with pytest.raises(OrderNotFound):
            await act(OrderId(uuid4()))
