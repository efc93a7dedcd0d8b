"""The shelf between two statements: what is locked already, and what was erased or made meanwhile."""

from __future__ import annotations

import pytest

from app.application.catalog.contracts import Demand
from app.container import TimeOrderedIds
from app.domain.catalog.stock import StockPool
from app.infrastructure.catalog import shelf as shelf_module
from app.infrastructure.catalog.shelf import SqlShelf
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.scope import UnitOfWork
from app.shared.ids import PoolId
from tests.support.system import Organizer, System


def a_shelf(connection: Connection, organizer: Organizer) -> SqlShelf:
    return SqlShelf(UnitOfWork(connection, organizer.tenant_id, TimeOrderedIds()))


async def test_a_pool_that_is_locked_keeps_the_moves_made_on_it(system: System, organizer: Organizer) -> None:
    """Loading a second product of the same pool must not read the counters anew."""
    product = await system.product(organizer, capacity=5)
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        pool_id = PoolId(await connection.fetchval("SELECT pool_id FROM products WHERE id = $1", product.id))
        shelf = a_shelf(connection, organizer)
        await shelf.load((), [pool_id])
        shelf.reserve([Demand(product.id, pool_id, 2)])
        await shelf.load([product.id])

        assert shelf._pools[pool_id].available == 3
        assert list(await shelf.offers([product.id])) == [product.id]


async def test_a_product_whose_pool_could_not_be_locked_is_not_offered(
    system: System, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made between the two statements: the next batch may sell it."""
    product = await system.product(organizer)

    async def before_it_was_made(*_: object) -> list[StockPool]:
        return []

    monkeypatch.setattr(shelf_module, "lock_pools", before_it_was_made)
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        assert await a_shelf(connection, organizer).offers([product.id]) == {}
