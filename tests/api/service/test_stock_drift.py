"""GET /api/v1/stock/drift, and its number in /metrics."""

from __future__ import annotations

from collections.abc import Generator

import asyncpg
import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from tests.api.service.test_metrics import scrape
from tests.support.own_database import own_database
from tests.support.system import Organizer, System

PATH = "/api/v1/stock/drift"


@pytest.fixture
def addresses(addresses: Addresses, database_server: EmbeddedServer) -> Generator[Addresses]:
    """A database without what other tests left behind: figures are of all tenants."""
    with own_database(database_server) as own:
        yield own


async def drifted(owner: asyncpg.Connection, organizer: Organizer, by: int) -> None:
    """As a mistake in the code, or a hand in the database, would leave it."""
    await owner.execute("UPDATE stock_pools SET held = held + $2 WHERE tenant_id = $1", organizer.tenant_id, by)


async def test_nothing_drifts_by_itself(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, capacity=5)
    await system.place(organizer.owner, product.id, 2)
    answer = await system.client.get(PATH, headers=organizer.owner.headers)
    assert (answer.status_code, answer.json()) == (200, {"items": [], "next_cursor": None})
    assert (await scrape(system))["hello_stock_drift_pools"] == 0


async def test_a_pool_that_differs_from_its_orders_is_shown_with_both_counts(
    system: System, organizer: Organizer, other: Organizer, owner: asyncpg.Connection
) -> None:
    product = await system.product(organizer, capacity=5)
    await system.product(other)
    await system.place(organizer.owner, product.id, 2)
    await drifted(owner, organizer, 1)
    try:
        answer = await system.client.get(PATH, headers=organizer.owner.headers)
        (item,) = answer.json()["items"]
        assert item["product_id"] == str(product.id)
        assert item["counted"] == {"held": 3, "sold": 0, "taken": 2}
        assert item["true"] == {"held": 2, "sold": 0, "taken": 2}
        assert (await system.client.get(PATH, headers=other.owner.headers)).json()["items"] == []
        assert (await scrape(system))["hello_stock_drift_pools"] == 1
    finally:
        await drifted(owner, organizer, -1)


async def test_the_list_has_pages(system: System, organizer: Organizer, owner: asyncpg.Connection) -> None:
    products = {str((await system.product(organizer)).id) for _ in range(3)}
    await drifted(owner, organizer, 1)
    try:
        headers = organizer.owner.headers
        first = (await system.client.get(f"{PATH}?limit=2", headers=headers)).json()
        second = (await system.client.get(f"{PATH}?limit=2&cursor={first['next_cursor']}", headers=headers)).json()
        found = [item["product_id"] for item in first["items"] + second["items"]]
        assert (len(found), set(found), second["next_cursor"]) == (3, products, None)
    finally:
        await drifted(owner, organizer, -1)
