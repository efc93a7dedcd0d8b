"""Lists of orders: filters, pages, and cursors that belong to whom they were given."""

from __future__ import annotations

from typing import Any

import pytest

from app.application.tenancy.contracts import Role
from tests.support.system import Organizer, Person, System, order_body


async def listed(system: System, person: Person, **query: Any) -> dict[str, Any]:
    answer = await system.client.get("/api/v1/orders", params=query, headers=person.headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def place(system: System, person: Person, product_id: object, email: str = "buyer@example.com") -> str:
    body = order_body(str(product_id)) | {"customer": {"email": email, "name": "B"}}
    answer = await system.client.post("/api/v1/orders", json=body, headers=person.headers)
    return str(answer.json()["id"])


def ids(page: dict[str, Any]) -> list[str]:
    return [order["id"] for order in page["items"]]


@pytest.fixture
async def product_id(system: System, organizer: Organizer) -> str:
    return str((await system.product(organizer)).id)


@pytest.mark.parametrize(("sort", "turned"), [("created_at", False), ("-created_at", True)])
async def test_pages_walk_through_all_orders_in_order(
    system: System, organizer: Organizer, product_id: str, sort: str, turned: bool
) -> None:
    placed = [await place(system, organizer.owner, product_id) for _ in range(7)]
    seen: list[str] = []
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        page = await listed(system, organizer.owner, limit=3, sort=sort, **cursor)
        seen += ids(page)

    assert seen == (placed[::-1] if turned else placed)


async def test_filters_by_status_and_by_the_whole_address_whatever_its_case(
    system: System, organizer: Organizer, product_id: str
) -> None:
    ada = await place(system, organizer.owner, product_id, "Ada@Example.com")
    await place(system, organizer.owner, product_id, "ada@example.com.org")
    confirmed = await place(system, organizer.owner, product_id, "bob@example.com")
    await system.client.post(f"/api/v1/orders/{confirmed}/confirm", headers=organizer.owner.headers)
    owner = organizer.owner

    assert ids(await listed(system, owner, email="aDA@example.com")) == [ada]
    assert ids(await listed(system, owner, status="confirmed")) == [confirmed]
    assert ids(await listed(system, owner, status="confirmed", email="ada@example.com")) == []
    assert ids(await listed(system, owner, status="refunded")) == []


async def test_buyers_filter_among_their_own(system: System, organizer: Organizer, product_id: str) -> None:
    buyer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    await place(system, organizer.owner, product_id)
    own = await place(system, buyer, product_id)

    assert ids(await listed(system, buyer, email="buyer@example.com", status="pending")) == [own]
    assert len(ids(await listed(system, organizer.owner))) == 2


async def test_a_cursor_is_good_for_its_tenant_its_caller_and_its_filter_only(
    system: System, organizer: Organizer, other: Organizer, product_id: str
) -> None:
    buyer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    for _ in range(2):
        await place(system, organizer.owner, product_id)
    cursor = (await listed(system, organizer.owner, limit=1))["next_cursor"]
    theirs: list[tuple[Person, dict[str, str]]] = [
        (other.owner, {}),
        (buyer, {}),
        (organizer.owner, {"status": "pending"}),
        (organizer.owner, {"email": "buyer@example.com"}),
        (organizer.owner, {"sort": "created_at"}),
    ]
    for person, query in theirs:
        answer = await system.client.get("/api/v1/orders", params={"cursor": cursor, **query}, headers=person.headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
    assert len(ids(await listed(system, organizer.owner, cursor=cursor))) == 1


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": n} for n in ("0", "101", "-1", "1.5", "x", "")),
        *({"status": "lost"}, {"email": "nobody"}, {"sort": "number"}, {"cursor": "x"}, {"unknown": "1"}),
    ],
)
async def test_what_a_list_does_not_know_is_refused(
    system: System, organizer: Organizer, query: dict[str, str]
) -> None:
    answer = await system.client.get("/api/v1/orders", params=query, headers=organizer.owner.headers)

    assert answer.status_code == 422


async def test_an_unchanged_list_is_not_sent_again(system: System, organizer: Organizer, product_id: str) -> None:
    headers = organizer.owner.headers
    first = await system.client.get("/api/v1/orders", headers=headers)
    again = await system.client.get("/api/v1/orders", headers=headers | {"If-None-Match": first.headers["etag"]})
    await place(system, organizer.owner, product_id)
    changed = await system.client.get("/api/v1/orders", headers=headers | {"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)
