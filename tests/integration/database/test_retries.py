"""What the database takes back is tried again; what stays in the way is told as a concurrent change."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.container import TimeOrderedIds
from app.domain.ordering.order import order_number
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.pipeline import ATTEMPTS
from app.infrastructure.database.postgres_cluster import SUPERUSER
from app.shared.errors import ConcurrentChange
from app.shared.ids import OrderId
from tests.support.builders import a_context
from tests.support.notes import Notebook, WriteNote
from tests.support.shop import Shop
from tests.support.system import Organizer, System

LOCK = "SELECT 1 FROM products WHERE id = '{}' FOR UPDATE"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_what_keeps_failing_is_tried_four_times_and_told_as_a_concurrent_change(
    system: System, organizer: Organizer, state: str
) -> None:
    book = Notebook(system.application.database, in_lane=False)

    with pytest.raises(ConcurrentChange):
        await book.bus.send(WriteNote(text="a", sql=raising(state)), a_context(organizer.tenant_id))

    assert len(book.runs) == ATTEMPTS


async def test_another_database_error_is_not_tried_again(system: System, organizer: Organizer) -> None:
    book = Notebook(system.application.database, in_lane=False)

    with pytest.raises(asyncpg.DivisionByZeroError):
        await book.bus.send(WriteNote(text="a", sql="SELECT 1 / 0"), a_context(organizer.tenant_id))

    assert len(book.runs) == 1


async def test_a_member_that_keeps_failing_fails_alone(system: System, organizer: Organizer) -> None:
    book = Notebook(system.application.database).for_tenant(a_context(organizer.tenant_id))
    context = a_context(organizer.tenant_id)

    results = await book.together(
        lambda: book.bus.send(WriteNote(text="a"), context),
        lambda: book.bus.send(WriteNote(text="b", sql_at_flush=raising("40001")), context),
    )

    assert results[0] == "a"
    assert isinstance(results[1], ConcurrentChange)


async def test_the_victim_of_a_deadlock_is_run_again(system: System, organizer: Organizer) -> None:
    """We hold the second row and want the first, the rival the other way round; the rival is the more patient one."""
    one, two = [(await system.product(organizer)).id for _ in range(2)]
    book = Notebook(system.application.database, in_lane=False)
    both = f"{LOCK.format(two)}; {LOCK.format(one)}"
    rival = await asyncpg.connect(system.addresses.app, user=SUPERUSER)
    await rival.execute("SET deadlock_timeout = '30s'")
    async with rival.transaction():
        await rival.execute(LOCK.format(one))
        ours = asyncio.create_task(book.bus.send(WriteNote(text="a", sql=both), a_context(organizer.tenant_id)))
        while not await rival.fetchval(WAITING):
            await rival.execute("SELECT pg_sleep(0.01)")
        await rival.execute(LOCK.format(two))
    await rival.close()

    assert await ours == "a"
    assert len(book.runs) == 2


async def test_a_migration_makes_prepared_plans_stale(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    name = f"scratch_{uuid4().hex}"
    await owner.execute(f"CREATE TABLE {name} (a int); GRANT SELECT ON {name} TO hello_app")
    database, query = system.application.database, f"SELECT * FROM {name}"
    try:
        async with database.transaction(organizer.tenant_id) as connection:
            await connection.fetch(query)
        await owner.execute(f"ALTER TABLE {name} ADD COLUMN b text")
        with pytest.raises(asyncpg.InvalidCachedStatementError):
            async with database.transaction(organizer.tenant_id) as connection:
                await connection.fetch(query)
    finally:
        await owner.execute(f"DROP TABLE {name}")


async def test_orders_are_placed_across_a_migration_of_their_tables(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    product = await system.product(organizer)
    assert (await system.place(organizer.owner, product.id)).status_code == 201
    await owner.execute("ALTER TABLE orders ADD COLUMN scratch text")
    try:
        placed = await system.place(organizer.owner, product.id)
        confirmed = await system.client.post(
            f"/api/v1/orders/{placed.json()['id']}/confirm", headers=organizer.owner.headers
        )
    finally:
        await owner.execute("ALTER TABLE orders DROP COLUMN scratch")

    assert (placed.status_code, confirmed.status_code) == (201, 200)
    again = await system.client.get(f"/api/v1/orders/{placed.json()['id']}", headers=organizer.owner.headers)
    assert again.json()["status"] == "confirmed"


class ClashingIds(TimeOrderedIds):
    """The first `clashes` ids end in the same random part, so their orders would get the same number."""

    def __init__(self, clashes: int) -> None:
        self._left = clashes

    def new(self) -> UUID:
        fresh = super().new()
        if self._left == 0:
            return fresh
        self._left -= 1
        return UUID(int=(fresh.int >> 50 << 50) | 12_345)


async def test_a_number_that_is_taken_is_made_anew(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    first = Shop(system, organizer, ids=ClashingIds(clashes=1))
    taken = await first.place(product.id)
    assert taken.number == order_number(taken.id)

    again = await Shop(system, organizer, ids=ClashingIds(clashes=1)).place(product.id)

    assert again.number != taken.number
    assert order_number(OrderId(again.id)) == again.number
    with pytest.raises(ConcurrentChange):
        await Shop(system, organizer, ids=ClashingIds(clashes=1_000)).place(product.id)


async def test_a_clash_of_numbers_harms_no_neighbour(
    system: System, organizer: Organizer, addresses: Addresses
) -> None:
    """All of one batch clash with an order that is there, and with each other."""
    product = await system.product(organizer)
    await Shop(system, organizer, ids=ClashingIds(clashes=1)).place(product.id)
    shop = Shop(system, organizer, ids=ClashingIds(clashes=8))

    placed = await asyncio.gather(*(shop.place(product.id) for _ in range(8)))

    assert len({order.number for order in placed}) == 8
