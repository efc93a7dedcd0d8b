"""The catalogue over HTTP: making, changing and taking away products."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.application.tenancy.contracts import Role
from tests.support.ledger import assert_the_books_agree
from tests.support.system import Organizer, Person, System

PRODUCTS = "/api/v1/products"
LEAST: dict[str, Any] = {"name": "Saturday", "kind": "ticket", "price": {"amount": 4_500, "currency": "EUR"}}


async def create(system: System, person: Person, **fields: Any) -> httpx.Response:
    return await system.client.post(PRODUCTS, json=LEAST | fields, headers=person.headers)


async def patch(system: System, person: Person, path: str, fields: Any, **headers: str) -> httpx.Response:
    return await system.client.patch(path, json=fields, headers=person.headers | headers)


async def delete(system: System, person: Person, path: str, **headers: str) -> httpx.Response:
    return await system.client.delete(path, headers=person.headers | headers)


async def read(system: System, person: Person, path: str, **headers: str) -> httpx.Response:
    return await system.client.get(path, headers=person.headers | headers)


async def test_a_product_needs_a_name_a_kind_and_a_price_only(system: System, organizer: Organizer) -> None:
    answer = await create(system, organizer.owner)

    assert answer.status_code == 201
    made = answer.json()
    product_id = UUID(made["id"])
    assert answer.headers["location"] == f"{PRODUCTS}/{product_id}"
    assert made["sku"] == f"P-{product_id.hex[-12:].upper()}"
    assert {name: made[name] for name in ("description", "capacity", "available", "status", "max_per_order")} == {
        "description": "", "capacity": None, "available": None, "status": "draft", "max_per_order": None
    }  # fmt: skip
    assert (made["version"], made["sale_starts_at"], made["sale_ends_at"]) == (1, None, None)
    assert made["created_at"] == made["updated_at"]
    assert made["created_at"].endswith("Z")
    shown = await read(system, organizer.owner, answer.headers["location"])
    assert (shown.content, shown.headers["etag"]) == (answer.content, answer.headers["etag"])


async def test_a_sku_belongs_to_one_product_of_a_tenant(system: System, organizer: Organizer, other: Organizer) -> None:
    first = await create(system, organizer.owner, sku="FRI")
    second = await create(system, organizer.owner)

    taken = [
        await create(system, organizer.owner, sku="FRI"),
        await patch(system, organizer.owner, second.headers["location"], {"sku": "FRI"}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in taken] == [(409, "sku_taken")] * 2
    assert first.status_code == 201
    assert (await create(system, other.owner, sku="FRI")).status_code == 201


async def test_two_who_take_one_sku_at_once_get_one_of_it(system: System, organizer: Organizer) -> None:
    answers = await asyncio.gather(*(create(system, organizer.owner, sku="ONE") for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9


async def test_a_patch_changes_what_it_names_and_empties_what_is_null(system: System, organizer: Organizer) -> None:
    made = await create(system, organizer.owner, capacity=5, max_per_order=2, sale_ends_at="2030-01-01T00:00:00Z")
    path = made.headers["location"]
    price = {"amount": 1, "currency": "USD"}

    answer = await patch(system, organizer.owner, path, {"capacity": None, "sale_ends_at": None, "price": price})

    changed = answer.json()
    assert answer.status_code == 200
    assert changed["version"] == 2
    assert [changed[name] for name in ("capacity", "available", "sale_ends_at", "price")] == [None, None, None, price]
    same = {name: made.json()[name] for name in ("sku", "name", "kind", "max_per_order", "status", "created_at")}
    assert {name: changed[name] for name in same} == same


async def test_a_patch_that_changes_nothing_is_no_new_version(system: System, organizer: Organizer) -> None:
    made = await create(system, organizer.owner)
    for nothing in ({}, {"name": LEAST["name"]}):
        answer = await patch(system, organizer.owner, made.headers["location"], nothing)
        assert (answer.status_code, answer.content) == (200, made.content)


@pytest.mark.parametrize(
    "fields",
    [
        *({name: None} for name in ("name", "kind", "price", "sku", "description", "status")),
        *({"name": value} for value in ("", "   ", "x" * 201, 7)),
        *({"capacity": value} for value in (-1, 1.5, "5", True, 1_000_000_001)),
        *({"max_per_order": value} for value in (0, 10_001)),
        *({"price": {"amount": value, "currency": "EUR"}} for value in (-1, 1.5, "1", 10**12 + 1, None)),
        *({"price": {"amount": 1, "currency": value}} for value in ("eur", "EURO", "", "€")),
        *({"sale_starts_at": value} for value in ("yesterday", 0, "2030-01-01T00:00:00", "2030-01-01")),
        *({"sale_ends_at": value} for value in ("0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00")),
        {"sale_starts_at": "2030-01-02T00:00:00Z", "sale_ends_at": "2030-01-01T00:00:00Z"},
        *({name: 1} for name in ("id", "version", "available", "created_at", "unknown")),
    ],
)
async def test_what_a_product_can_not_be_is_refused(
    system: System, organizer: Organizer, fields: dict[str, object]
) -> None:
    path = (await create(system, organizer.owner)).headers["location"]

    changed = await patch(system, organizer.owner, path, fields)

    assert changed.status_code == 422, changed.text
    assert (await read(system, organizer.owner, path)).json()["version"] == 1
    if all(value is not None for value in fields.values()):
        assert (await create(system, organizer.owner, **fields)).status_code == 422


async def test_a_window_can_not_be_turned_round_in_two_steps(system: System, organizer: Organizer) -> None:
    path = (await create(system, organizer.owner, sale_starts_at="2030-01-02T00:00:00Z")).headers["location"]

    answer = await patch(system, organizer.owner, path, {"sale_ends_at": "2030-01-01T23:59:59Z"})

    assert (answer.status_code, answer.json()["code"]) == (422, "sale_window_inverted")


async def test_a_capacity_may_fall_to_what_is_taken_and_no_further(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, capacity=10)
    path = f"{PRODUCTS}/{product.id}"
    order = (await system.place(organizer.owner, product.id, 3)).headers["location"]
    await system.place(organizer.owner, product.id, 1)
    await system.client.post(f"{order}/confirm", headers=organizer.owner.headers)

    below = await patch(system, organizer.owner, path, {"capacity": 3})
    exact = await patch(system, organizer.owner, path, {"capacity": 4})

    assert (below.status_code, below.json()["code"]) == (409, "capacity_below_taken")
    assert (exact.status_code, exact.json()["available"]) == (200, 0)


async def test_a_capacity_falls_while_people_buy_and_nothing_is_oversold(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, capacity=40)
    path = f"{PRODUCTS}/{product.id}"

    await asyncio.gather(
        *(system.place(organizer.owner, product.id) for _ in range(60)),
        *(patch(system, organizer.owner, path, {"capacity": size}) for size in range(39, 4, -5)),
    )

    await assert_the_books_agree(system.application.database, organizer.tenant_id)
    assert (await read(system, organizer.owner, path)).json()["available"] >= 0


async def test_a_product_is_sold_inside_its_window_only(system: System, organizer: Organizer) -> None:
    early = await create(system, organizer.owner, status="active", sale_starts_at="2999-01-01T00:00:00Z")
    late = await create(system, organizer.owner, status="active", sale_ends_at="2020-01-01T00:00:00Z")
    now = await create(
        system, organizer.owner, status="active", sale_starts_at="2020-01-01T00:00:00Z",
        sale_ends_at="2999-01-01T01:00:00+01:00"
    )  # fmt: skip
    assert now.json()["sale_ends_at"] == "2999-01-01T00:00:00Z"
    for made, status in ((early, 409), (late, 409), (now, 201)):
        assert (await system.place(organizer.owner, made.json()["id"])).status_code == status


async def test_a_product_that_never_sold_is_erased(system: System, organizer: Organizer) -> None:
    path = (await create(system, organizer.owner)).headers["location"]

    assert (await delete(system, organizer.owner, path)).status_code == 204

    for answer in (await read(system, organizer.owner, path), await delete(system, organizer.owner, path)):
        assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")


async def test_a_product_that_was_ever_ordered_is_archived(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    path = f"{PRODUCTS}/{product.id}"
    order = (await system.place(organizer.owner, product.id)).headers["location"]
    await system.client.post(f"{order}/cancel", headers=organizer.owner.headers)

    assert (await delete(system, organizer.owner, path)).status_code == 204

    shown = (await read(system, organizer.owner, path)).json()
    assert (shown["status"], shown["version"]) == ("archived", 2)
    assert (await system.place(organizer.owner, product.id)).json()["code"] == "not_on_sale"
    assert (await delete(system, organizer.owner, path)).status_code == 204
    assert (await read(system, organizer.owner, path)).json()["version"] == 2


async def test_erasing_a_product_while_it_is_bought_leaves_no_order_without_one(
    system: System, organizer: Organizer
) -> None:
    for _ in range(5):
        product = await system.product(organizer)
        erased, placed = await asyncio.gather(
            delete(system, organizer.owner, f"{PRODUCTS}/{product.id}"), system.place(organizer.owner, product.id)
        )
        assert erased.status_code == 204
        assert placed.status_code in {201, 409, 422}
        left = await read(system, organizer.owner, f"{PRODUCTS}/{product.id}")
        assert left.status_code == (200 if placed.status_code == 201 else 404)
    await assert_the_books_agree(system.application.database, organizer.tenant_id)


async def test_another_tenants_product_is_one_that_does_not_exist(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    product = await system.product(organizer)
    for path in (f"{PRODUCTS}/{product.id}", f"{PRODUCTS}/{uuid4()}"):
        for answer in (
            await read(system, other.owner, path),
            await patch(system, other.owner, path, {"name": "mine"}),
            await delete(system, other.owner, path),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")
    assert (await read(system, organizer.owner, f"{PRODUCTS}/{product.id}")).json()["version"] == 1


@pytest.mark.parametrize("role", [Role.MEMBER, Role.CUSTOMER])
async def test_members_and_customers_change_nothing(system: System, organizer: Organizer, role: Role) -> None:
    product = await system.product(organizer)
    person = await system.person(organizer.tenant_id, role)
    path = f"{PRODUCTS}/{product.id}"
    for answer in (
        await create(system, person),
        await patch(system, person, path, {"name": "x"}),
        await delete(system, person, path),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
