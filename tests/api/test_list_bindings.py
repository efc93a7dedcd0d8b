"""A filter that is absent and one that reads like it are two lists: in caches, and in cursors."""

from __future__ import annotations

from tests.support.system import Organizer, System


async def test_a_search_for_none_empties_nobodys_catalogue(system: System, organizer: Organizer) -> None:
    await system.product(organizer)
    tenant = {"X-Tenant-ID": organizer.slug}

    searched = await system.client.get("/api/v1/products?q=None", headers=tenant)
    listed = await system.client.get("/api/v1/products", headers=tenant)

    assert searched.json()["items"] == []
    assert len(listed.json()["items"]) == 1


async def test_a_cursor_of_the_whole_list_is_none_of_a_search(system: System, organizer: Organizer) -> None:
    for _ in range(2):
        await system.product(organizer)
    headers = organizer.owner.headers
    cursor = (await system.client.get("/api/v1/products?limit=1", headers=headers)).json()["next_cursor"]

    refused = await system.client.get(f"/api/v1/products?limit=1&q=None&cursor={cursor}", headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")
