"""Lists of products: filters, search, and walks while rows come and go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.system import Organizer, Person, System

PRODUCTS = "/api/v1/products"


async def page(system: System, person: Person, **query: Any) -> dict[str, Any]:
    answer = await system.client.get(PRODUCTS, params=query, headers=person.headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def names(system: System, person: Person, **query: Any) -> list[str]:
    return sorted(item["name"] for item in (await page(system, person, **query))["items"])


async def test_filters_by_status_and_kind(system: System, organizer: Organizer) -> None:
    for name, status, kind in [("a", "active", "ticket"), ("b", "draft", "ticket"), ("c", "active", "merchandise")]:
        await system.product(organizer, name=name, status=status, kind=kind)
    owner = organizer.owner

    assert await names(system, owner) == ["a", "b", "c"]
    assert await names(system, owner, status="active") == ["a", "c"]
    assert await names(system, owner, kind="ticket") == ["a", "b"]
    assert await names(system, owner, status="active", kind="ticket") == ["a"]
    assert await names(system, owner, status="archived") == []


WILD = ["100% wool", "10_000 seats", "back\\slash", "Straße", "ÉTÉ", "plain", 'quo"te', "it's"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("PLAIN", ["plain"]),
        ("lai", ["plain"]),
        ("%", ["100% wool"]),
        ("_", ["10_000 seats"]),
        ("\\", ["back\\slash"]),
        ("strasse", ["Straße"]),
        ("STRAßE", ["Straße"]),
        ("été", ["ÉTÉ"]),
        ('"', ['quo"te']),
        ("'", ["it's"]),
        ("sku-4", ["ÉTÉ"]),
        ("  plain  ", ["plain"]),
        ("p%n", []),
        ("pla_n", []),
        (".*", []),
    ],
)
async def test_search_takes_every_character_literally_and_no_case(
    system: System, organizer: Organizer, q: str, found: list[str]
) -> None:
    for n, name in enumerate(WILD):
        await system.product(organizer, name=name, sku=f"SKU-{n}")

    assert await names(system, organizer.owner, q=q) == found


@pytest.mark.parametrize(
    "query",
    [
        *({"q": value} for value in ("", "   ", "x" * 201)),
        *({"limit": value} for value in ("0", "101", "x")),
        *({"status": "sold"}, {"kind": "book"}, {"sort": "name"}, {"cursor": "AAAA"}, {"colour": "red"}),
    ],
)
async def test_what_a_list_does_not_know_is_refused(
    system: System, organizer: Organizer, query: dict[str, str]
) -> None:
    answer = await system.client.get(PRODUCTS, params=query, headers=organizer.owner.headers)

    assert answer.status_code == 422


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
async def test_a_walk_while_rows_come_and_go_shows_each_lasting_row_once(
    system: System, organizer: Organizer, sort: str
) -> None:
    lasting = {str((await system.product(organizer)).id) for _ in range(12)}
    doomed = [str((await system.product(organizer)).id) for _ in range(6)]
    lasting |= {str((await system.product(organizer)).id) for _ in range(12)}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        body = await page(system, organizer.owner, limit=4, sort=sort, **cursor)
        seen += [item["id"] for item in body["items"]]
        if body["next_cursor"] is None:
            break
        cursor = {"cursor": body["next_cursor"]}
        if doomed:  # a row seen or still to come, and perhaps the one the cursor stands on
            gone = doomed.pop(len(doomed) // 2)
            await system.client.delete(f"{PRODUCTS}/{gone}", headers=organizer.owner.headers)
            await system.client.delete(f"{PRODUCTS}/{seen[-1]}", headers=organizer.owner.headers)
            lasting.discard(seen[-1])
        if len(seen) < 20:
            await system.product(organizer)

    assert len(seen) == len(set(seen))
    assert lasting <= set(seen)


async def test_a_cursor_is_good_for_its_tenant_and_filter_only(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    for whose in (organizer, other):
        for _ in range(3):
            await system.product(whose)
    cursor = (await page(system, organizer.owner, limit=1))["next_cursor"]
    uses: list[tuple[Person, dict[str, str]]] = [
        (other.owner, {}),
        *((organizer.owner, query) for query in ({"status": "active"}, {"kind": "ticket"}, {"q": "friday"})),
        (organizer.owner, {"sort": "created_at"}),
    ]
    for person, query in uses:
        answer = await system.client.get(PRODUCTS, params={"cursor": cursor, **query}, headers=person.headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
    assert len((await page(system, organizer.owner, cursor=cursor, limit=100))["items"]) == 2


async def test_a_tenant_lists_its_own_products_only(system: System, organizer: Organizer, other: Organizer) -> None:
    await system.product(organizer, name="mine", sku="SAME")
    await system.product(other, name="theirs", sku="SAME")

    assert await names(system, organizer.owner, q="same") == ["mine"]
    assert await names(system, other.owner) == ["theirs"]
