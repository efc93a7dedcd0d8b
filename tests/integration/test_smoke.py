from __future__ import annotations

from tests.support.system import Organizer, System


async def test_an_order_is_placed(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, capacity=2)
    placed = await system.place(organizer.owner, product.id)
    assert placed.status_code == 201, placed.text
