"""Holds that ran out: found across tenants, ended once each, their pieces free again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from app.container import SystemClock, TimeOrderedIds
from app.domain.ordering.order import Order, OrderState
from app.infrastructure.database.pool import Database
from app.infrastructure.ordering.expiry import expire_due_orders
from app.shared.errors import Unavailable
from tests.support.fakes import SettableClock
from tests.support.ledger import assert_the_books_agree
from tests.support.shop import Shop
from tests.support.system import Organizer, System

IDS = TimeOrderedIds()


def an_hour_ago() -> SettableClock:
    return SettableClock(SystemClock().now() - timedelta(hours=1))


async def expire(system: System, shop: Shop) -> int:
    return await expire_due_orders(system.application.database, shop.bus, IDS)


async def statuses(system: System, organizer: Organizer) -> list[str]:
    return [order.status for order in await assert_the_books_agree(system.application.database, organizer.tenant_id)]


async def all_due(system: System, shop: Shop) -> None:
    """Earlier tests may have left due orders in other tenants."""
    await expire(system, shop)


async def test_what_is_due_expires_and_what_is_not_stays(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, capacity=10)
    past = Shop(system, organizer, clock=an_hour_ago())
    now = Shop(system, organizer)
    await all_due(system, now)
    for _ in range(3):
        await past.place(product.id, quantity=2)
    await now.place(product.id)
    confirmed = await past.place(product.id)
    await now.confirm(confirmed.id)

    assert await expire(system, now) == 3

    assert sorted(await statuses(system, organizer)) == ["confirmed", "expired", "expired", "expired", "pending"]
    shown = await system.client.get(f"/api/v1/products/{product.id}", headers=organizer.owner.headers)
    assert shown.json()["available"] == 8
    assert await expire(system, now) == 0


async def test_orders_of_several_tenants_expire_in_one_turn(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    await all_due(system, Shop(system, organizer))
    for whose in (organizer, other):
        product = await system.product(whose)
        await Shop(system, whose, clock=an_hour_ago()).place(product.id)

    assert await expire(system, Shop(system, organizer)) == 2

    for whose in (organizer, other):
        assert await statuses(system, whose) == ["expired"]


async def test_the_system_is_who_expires_an_order(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    order = await Shop(system, organizer, clock=an_hour_ago()).place(product.id)
    await expire(system, Shop(system, organizer))

    path = f"/api/v1/orders/{order.id}/history"
    told = (await system.client.get(path, headers=organizer.owner.headers)).json()["items"]

    assert [(event["type"], event["actor"]["kind"]) for event in told] == [
        ("order.placed", "user"),
        ("order.expired", "system"),
    ]


async def test_two_processes_at_once_end_each_order_once(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, capacity=40)
    past = Shop(system, organizer, clock=an_hour_ago())
    one, two = Shop(system, organizer), Shop(system, organizer)
    await all_due(system, one)
    await asyncio.gather(*(past.place(product.id) for _ in range(40)))

    ended = await asyncio.gather(expire(system, one), expire(system, two))

    assert sum(ended) == 40
    assert set(await statuses(system, organizer)) == {"expired"}


async def test_without_the_turn_each_order_still_ends_once(system: System, organizer: Organizer) -> None:
    """The turn is a courtesy: two that both found the same orders due send twice, and the second is refused."""
    product = await system.product(organizer, capacity=20)
    past = Shop(system, organizer, clock=an_hour_ago())
    orders = await asyncio.gather(*(past.place(product.id) for _ in range(20)))
    one, two = Shop(system, organizer), Shop(system, organizer)

    results = await asyncio.gather(
        *(shop.expire(order.id) for order in orders for shop in (one, two)), return_exceptions=True
    )

    assert sum(result is None for result in results) == 20
    assert {getattr(result, "code", "done") for result in results} == {"done", "order_state"}
    assert set(await statuses(system, organizer)) == {"expired"}


async def test_who_finds_the_turn_taken_does_nothing(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    await Shop(system, organizer, clock=an_hour_ago()).place(product.id)
    database: Database = system.application.database
    async with database.transaction(None, role="worker") as connection:
        await connection.fetchval("SELECT pg_advisory_xact_lock(hashtextextended('hello-ticket.expiry', 0))")

        assert await expire(system, Shop(system, organizer)) == 0

    assert await statuses(system, organizer) == ["pending"]
    await all_due(system, Shop(system, organizer))


async def test_a_process_whose_clock_is_behind_the_databases_waits(system: System, organizer: Organizer) -> None:
    """To the database the hold has run out, to this process it has not: refused, and found again the next time."""
    product = await system.product(organizer)
    order = await Shop(system, organizer, clock=an_hour_ago()).place(product.id)
    behind = SettableClock(SystemClock().now() - timedelta(hours=2))
    slow = Shop(system, organizer, clock=behind)

    assert await expire(system, slow) == 0

    with pytest.raises(OrderState):
        await slow.expire(order.id)
    behind.move(hours=2)
    assert await expire(system, slow) == 1


async def test_an_order_that_can_not_expire_keeps_nobody_elses_pieces(
    system: System, organizer: Organizer, other: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    past, theirs = Shop(system, organizer, clock=an_hour_ago()), Shop(system, other, clock=an_hour_ago())
    now = Shop(system, organizer)
    await all_due(system, now)
    broken = await past.place((await system.product(organizer)).id)
    await theirs.place((await system.product(other)).id)
    expire_it = Order.expire

    def expire_unless_broken(order: Order, *, now: datetime) -> None:
        if order.id == broken.id:
            raise RuntimeError("a defect")
        expire_it(order, now=now)

    monkeypatch.setattr(Order, "expire", expire_unless_broken)

    assert await expire(system, now) == 1
    assert await statuses(system, other) == ["expired"]
    assert await statuses(system, organizer) == ["pending"]

    monkeypatch.undo()
    assert await expire(system, now) == 1


async def test_a_database_that_goes_away_ends_the_turn(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    past, now = Shop(system, organizer, clock=an_hour_ago()), Shop(system, organizer)
    await past.place((await system.product(organizer)).id)

    def away(_order: Order, *, now: datetime) -> None:
        raise Unavailable("The database does not answer; try again shortly.")

    monkeypatch.setattr(Order, "expire", away)
    with pytest.raises(Unavailable):
        await expire(system, now)

    monkeypatch.undo()
    await all_due(system, now)
