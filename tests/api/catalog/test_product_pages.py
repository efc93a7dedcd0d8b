"""What buyers see: products on sale only, from memory, and never older than a second."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from app.application.tenancy.contracts import Role
from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.disk_store import DiskStore
from app.infrastructure.cache.hot import HotReads
from app.infrastructure.cache.store import CountedStore
from app.presentation.replies import etag_of
from tests.support.system import Organizer, System

PRODUCTS = "/api/v1/products"


@dataclass
class Seconds:
    """Stand still until a test moves them."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def seconds(system: System, tmp_path: Path) -> AsyncGenerator[Seconds]:
    """The pages' clock. The shared cache below keeps time of its own, so it is an empty one that holds nothing."""
    seconds = Seconds()
    cache = DirectCache(CountedStore(DiskStore(tmp_path / "pages")))
    pages = HotReads(cache, local_ttl=0.4, shared_ttl=0.001, clock=seconds, tag=etag_of)
    system.app.state.parts = replace(system.application.parts, pages=pages)
    yield seconds
    await pages.close()
    await cache.close()


async def shop(system: System, organizer: Organizer, path: str, **headers: str) -> httpx.Response:
    """Somebody without credentials, in the organizer's shop."""
    return await system.client.get(path, headers={"X-Tenant-ID": organizer.slug} | headers)


async def test_buyers_see_active_products_only(system: System, organizer: Organizer) -> None:
    active = await system.product(organizer)
    hidden = [await system.product(organizer, status=status) for status in ("draft", "archived")]
    customer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    for headers in (customer.headers, {"X-Tenant-ID": organizer.slug}):
        for query in ({}, {"status": "active"}):
            listed = await system.client.get(PRODUCTS, params=query, headers=headers)
            assert [item["id"] for item in listed.json()["items"]] == [str(active.id)]
        for status in ("draft", "archived"):
            empty = await system.client.get(PRODUCTS, params={"status": status}, headers=headers)
            assert empty.json() == {"items": [], "next_cursor": None}
        assert (await system.client.get(f"{PRODUCTS}/{active.id}", headers=headers)).status_code == 200
        for product in hidden:
            answer = await system.client.get(f"{PRODUCTS}/{product.id}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")


async def test_a_buyers_page_is_kept_for_less_than_a_second(
    system: System, organizer: Organizer, seconds: Seconds
) -> None:
    product = await system.product(organizer, capacity=9)
    path = f"{PRODUCTS}/{product.id}"
    before = [await shop(system, organizer, page) for page in (path, PRODUCTS)]
    await system.place(organizer.owner, product.id)
    kept = [await shop(system, organizer, page) for page in (path, PRODUCTS)]
    seconds.at += 0.999
    fresh = [await shop(system, organizer, page) for page in (path, PRODUCTS)]

    assert [page.content for page in kept] == [page.content for page in before]
    assert fresh[0].json()["available"] == 8
    assert fresh[1].json()["items"][0]["available"] == 8
    assert fresh[0].headers["etag"] != before[0].headers["etag"]


async def test_staff_always_see_what_was_last_committed(system: System, organizer: Organizer, seconds: Seconds) -> None:
    product = await system.product(organizer, capacity=9)
    member = await system.person(organizer.tenant_id, Role.MEMBER)
    path = f"{PRODUCTS}/{product.id}"
    for left in (9, 8, 7):
        await shop(system, organizer, path)
        shown = await system.client.get(path, headers=member.headers)
        listed = await system.client.get(PRODUCTS, headers=member.headers)
        assert shown.json()["available"] == listed.json()["items"][0]["available"] == left
        await system.place(organizer.owner, product.id)


async def test_a_buyers_page_is_not_sent_twice(system: System, organizer: Organizer, seconds: Seconds) -> None:
    path = f"{PRODUCTS}/{(await system.product(organizer)).id}"
    for page in (path, PRODUCTS, f"{PRODUCTS}?status=draft"):
        etag = (await shop(system, organizer, page)).headers["etag"]
        again = await shop(system, organizer, page, **{"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")


async def test_pages_of_two_tenants_and_two_queries_never_meet(
    system: System, organizer: Organizer, other: Organizer, seconds: Seconds
) -> None:
    mine = await system.product(organizer, name="mine", kind="ticket")
    await system.product(other, name="theirs")
    await shop(system, organizer, f"{PRODUCTS}/{mine.id}")

    assert (await shop(system, other, f"{PRODUCTS}/{mine.id}")).status_code == 404
    for whose, query, found in (
        *((organizer, "", ["mine"]), (other, "", ["theirs"]), (organizer, "?q=theirs", []), (other, "?q=mine", [])),
        *((organizer, "?kind=merchandise", []), (organizer, "?limit=1", ["mine"]), (organizer, "?q=mine", ["mine"])),
    ):
        listed = (await shop(system, whose, PRODUCTS + query)).json()["items"]
        assert [item["name"] for item in listed] == found


async def test_a_buyer_walks_on_from_a_kept_page(system: System, organizer: Organizer, seconds: Seconds) -> None:
    ids = {str((await system.product(organizer)).id) for _ in range(5)}
    seen: list[str] = []
    query = "?limit=2"
    while True:
        body = (await shop(system, organizer, PRODUCTS + query)).json()
        seen += [item["id"] for item in body["items"]]
        if body["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={body['next_cursor']}"

    assert len(seen) == 5
    assert set(seen) == ids
