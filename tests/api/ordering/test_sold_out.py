"""More buyers than pieces, all at once: exactly the pieces are sold, and everybody else is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.domain.catalog.stock import StockPool
from app.infrastructure.catalog.reconciler import drift
from app.infrastructure.database.addresses import Addresses
from app.shared.settings import Settings
from tests.support.ledger import assert_the_books_agree
from tests.support.system import Organizer, System, running


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def buyers(system: System, organizer: Organizer, count: int, capacity: int) -> list[httpx.Response]:
    product = await system.product(organizer, capacity=capacity)
    return list(await asyncio.gather(*(system.place(organizer.owner, product.id) for _ in range(count))))


async def test_fifty_orders_in_flight_for_the_last_ten_pieces(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, capacity=10)

    answers = await asyncio.gather(*(system.place(organizer.owner, product.id) for _ in range(50)))

    assert statuses(answers) == {201: 10, 409: 40}
    for refused in (answer.json() for answer in answers if answer.status_code == 409):
        assert (refused["code"], refused["product_id"], refused["available"]) == ("sold_out", str(product.id), 0)
    orders = await assert_the_books_agree(system.application.database, organizer.tenant_id)
    assert len(orders) == 10


async def test_who_asks_for_more_than_is_left_is_told_how_many_there_are(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, capacity=5)
    await system.place(organizer.owner, product.id, 2)

    refused = await system.place(organizer.owner, product.id, 4)

    assert (refused.status_code, refused.json()["available"]) == (409, 3)
    assert (await system.place(organizer.owner, product.id, 3)).status_code == 201


async def test_with_the_guard_removed_the_database_still_sells_no_piece_too_many(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second wall: a pool that always says yes meets the CHECK of the counter row."""
    monkeypatch.setattr(StockPool, "has", lambda pool, quantity: True)

    answers = await buyers(system, organizer, 50, 10)

    assert statuses(answers) == {201: 10, 409: 40}
    assert len(await assert_the_books_agree(system.application.database, organizer.tenant_id)) == 10


@pytest.fixture
async def unguarded(settings: Settings, scratch: Addresses, superuser: asyncpg.Connection) -> AsyncGenerator[System]:
    """A database of its own, whose counter rows are not checked."""
    rule = await superuser.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_stock_pools_never_oversold'"
    )
    await superuser.execute("ALTER TABLE stock_pools DROP CONSTRAINT ck_stock_pools_never_oversold")
    async with running(settings, scratch) as system:
        yield system
    await superuser.execute(f"ALTER TABLE stock_pools ADD CONSTRAINT ck_stock_pools_never_oversold {rule} NOT VALID")


async def test_with_both_guards_removed_the_same_fifty_orders_oversell(
    unguarded: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the test above can fail."""
    organizer = await unguarded.organizer()
    monkeypatch.setattr(StockPool, "has", lambda pool, quantity: True)

    answers = await buyers(unguarded, organizer, 50, 10)

    assert statuses(answers) == {201: 50}


async def test_a_move_that_forgets_its_counter_is_found_by_the_reconciler(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    """The reconciler's own twin: a counter moved by hand is named."""
    product = await system.product(organizer, capacity=10)
    await system.place(organizer.owner, product.id, 3)
    assert await drift(system.application.database, organizer.tenant_id) == []
    await owner.execute("UPDATE stock_pools SET held = 2 WHERE tenant_id = $1", organizer.tenant_id)

    [found] = await drift(system.application.database, organizer.tenant_id)

    assert (found.counted, found.true) == ((2, 0, 3), (3, 0, 3))


async def test_five_hundred_buyers_for_a_hundred_pieces_at_two_processes(
    system: System, organizer: Organizer, tmp_path: Path
) -> None:
    """Two applications share nothing but the database, as two workers do."""
    product = await system.product(organizer, capacity=100)
    settings = system.settings.model_copy(update={"data_dir": tmp_path / "second"})
    async with running(settings, system.addresses) as second:
        answers = await asyncio.gather(
            *(process.place(organizer.owner, product.id) for _ in range(250) for process in (system, second))
        )

    assert statuses(list(answers)) == {201: 100, 409: 400}
    assert all(answer.json()["code"] == "sold_out" for answer in answers if answer.status_code == 409)
    assert len(await assert_the_books_agree(system.application.database, organizer.tenant_id)) == 100
    shown = await system.client.get(f"/api/v1/products/{product.id}", headers=organizer.owner.headers)
    assert shown.json()["available"] == 0


async def test_baskets_over_several_products_at_two_processes_neither_deadlock_nor_oversell(
    system: System, organizer: Organizer, tmp_path: Path
) -> None:
    """Every basket names the same products in another order, which is how careless locking deadlocks."""
    products = [await system.product(organizer, capacity=20) for _ in range(4)]
    settings = system.settings.model_copy(update={"data_dir": tmp_path / "second"})
    async with running(settings, system.addresses) as second:

        async def buy(process: System, turn: int) -> int:
            turned = products[turn % 4 :] + products[: turn % 4]
            items = [{"product_id": str(product.id), "quantity": 1} for product in turned]
            body = {"customer": {"email": "a@example.com", "name": "A"}, "items": items}
            answer = await process.client.post("/api/v1/orders", json=body, headers=organizer.owner.headers)
            return answer.status_code

        answers = await asyncio.gather(*(buy(process, n) for n in range(30) for process in (system, second)))

    assert Counter(answers) == {201: 20, 409: 40}
    await assert_the_books_agree(system.application.database, organizer.tenant_id)
