"""An order's life over HTTP, and where its pieces are at each step."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.application.tenancy.contracts import Role
from app.domain.kernel import Money
from tests.support.ledger import assert_the_books_agree
from tests.support.system import Organizer, Person, System, order_body


async def post(system: System, person: Person, path: str, body: Any = None) -> httpx.Response:
    return await system.client.post(path, json=body, headers=person.headers)


async def stock(system: System, organizer: Organizer) -> tuple[int, int]:
    """Held and sold, after everything else agreed with everything else."""
    await assert_the_books_agree(system.application.database, organizer.tenant_id)
    async with system.application.database.transaction(organizer.tenant_id) as connection:
        row = await connection.fetchrow("SELECT sum(held)::int AS held, sum(sold)::int AS sold FROM stock_pools")
    assert row is not None
    return row["held"], row["sold"]


async def placed(system: System, organizer: Organizer, quantity: int = 2) -> str:
    product = await system.product(organizer, capacity=5)
    answer = await system.place(organizer.owner, product.id, quantity)
    return answer.headers["location"]


async def test_a_placed_order_is_shown_as_the_contract_says(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer, name="Saturday")
    answer = await system.place(organizer.owner, product.id, 3)

    assert answer.status_code == 201
    order = answer.json()
    assert answer.headers["location"] == f"/api/v1/orders/{order['id']}"
    assert set(order) == {
        *("id", "number", "status", "customer", "items", "total", "placed_at", "expires_at"),
        *("confirmed_at", "cancelled_at", "cancel_reason", "version"),
    }
    assert (order["status"], order["version"], order["confirmed_at"]) == ("pending", 1, None)
    assert order["customer"] == {"email": "buyer@example.com", "name": "A Buyer"}
    price = {"amount": 1_000, "currency": "EUR"}
    total = {"amount": 3_000, "currency": "EUR"}
    assert order["items"] == [
        {"product_id": str(product.id), "name": "Saturday", "quantity": 3, "unit_price": price, "total": total}
    ]
    assert order["total"] == total
    read = await system.client.get(answer.headers["location"], headers=organizer.owner.headers)
    assert (read.content, read.headers["etag"]) == (answer.content, answer.headers["etag"])


PATHS = [
    ([], "pending", (2, 0)),
    (["confirm"], "confirmed", (0, 2)),
    (["cancel"], "cancelled", (0, 0)),
    (["confirm", "cancel"], "cancelled", (0, 0)),
]


@pytest.mark.parametrize(("steps", "status", "where"), PATHS)
async def test_pieces_move_with_the_order(
    system: System, organizer: Organizer, steps: list[str], status: str, where: tuple[int, int]
) -> None:
    order = await placed(system, organizer)
    for step in steps:
        answer = await post(system, organizer.owner, f"{order}/{step}")
        assert answer.status_code == 200, answer.text

    shown = (await system.client.get(order, headers=organizer.owner.headers)).json()
    assert (shown["status"], shown["version"]) == (status, 1 + len(steps))
    assert await stock(system, organizer) == where


@pytest.mark.parametrize(
    ("steps", "refused"), [(["confirm"], "confirm"), (["cancel"], "confirm"), (["cancel"], "cancel")]
)
async def test_a_wrong_state_is_a_conflict_that_names_it(
    system: System, organizer: Organizer, steps: list[str], refused: str
) -> None:
    order = await placed(system, organizer)
    for step in steps:
        await post(system, organizer.owner, f"{order}/{step}")
    before = await stock(system, organizer)

    answer = await post(system, organizer.owner, f"{order}/{refused}")

    assert (answer.status_code, answer.json()["code"]) == (409, "order_state")
    assert answer.json()["order_status"] in {"confirmed", "cancelled"}
    assert await stock(system, organizer) == before


async def test_a_cancellation_keeps_its_reason(system: System, organizer: Organizer) -> None:
    answer = await post(system, organizer.owner, f"{await placed(system, organizer)}/cancel", {"reason": " rain "})

    assert answer.json()["cancel_reason"] == "rain"
    assert answer.json()["cancelled_at"] is not None


async def test_buyers_see_and_cancel_their_own_orders_only(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    ada, bob = [await system.person(organizer.tenant_id, Role.CUSTOMER) for _ in range(2)]
    of_ada = (await system.place(ada, product.id)).headers["location"]
    await system.place(bob, product.id)

    for path in (of_ada, f"{of_ada}/history"):
        assert (await system.client.get(path, headers=ada.headers)).status_code == 200
        assert (await system.client.get(path, headers=bob.headers)).json()["code"] == "order_not_found"
    listed = (await system.client.get("/api/v1/orders", headers=ada.headers)).json()["items"]
    assert [f"/api/v1/orders/{order['id']}" for order in listed] == [of_ada]
    assert (await post(system, bob, f"{of_ada}/cancel")).status_code == 404
    assert (await post(system, ada, f"{of_ada}/confirm")).status_code == 403
    assert (await post(system, ada, f"{of_ada}/cancel")).status_code == 200


async def test_buyers_do_not_cancel_what_is_confirmed(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    buyer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    order = (await system.place(buyer, product.id)).headers["location"]
    await post(system, organizer.owner, f"{order}/confirm")

    answer = await post(system, buyer, f"{order}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "order_state")


async def test_another_tenants_order_is_one_that_does_not_exist(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    theirs, random = await placed(system, organizer), f"/api/v1/orders/{uuid4()}"
    for method, tail in [("GET", ""), ("GET", "/history"), ("POST", "/confirm"), ("POST", "/cancel")]:
        answers = [
            await system.client.request(method, path + tail, headers=other.owner.headers) for path in (theirs, random)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert len({(answer.json()["code"], answer.json()["detail"]) for answer in answers}) == 1
    assert await stock(system, organizer) == (2, 0)


async def test_history_tells_who_did_what_oldest_first(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    buyer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    order = (await system.place(buyer, product.id)).headers["location"]
    await post(system, organizer.owner, f"{order}/confirm")
    await post(system, organizer.owner, f"{order}/cancel", {"reason": "rain"})

    told = (await system.client.get(f"{order}/history", headers=buyer.headers)).json()

    assert told["next_cursor"] is None
    assert [(event["version"], event["type"], event["actor"]["id"]) for event in told["items"]] == [
        (1, "order.placed", str(buyer.user_id)),
        (2, "order.confirmed", str(organizer.owner.user_id)),
        (3, "order.cancelled", str(organizer.owner.user_id)),
    ]
    assert told["items"][2]["data"]["reason"] == "rain"
    assert {event["actor"]["kind"] for event in told["items"]} == {"user"}


async def test_refusals_name_the_item_at_fault(system: System, organizer: Organizer, other: Organizer) -> None:
    limited = await system.product(organizer, max_per_order=2)
    draft = await system.product(organizer, status="draft")
    foreign = await system.product(other)
    expected = [
        (limited.id, 3, 422, "over_limit"),
        (draft.id, 1, 409, "not_on_sale"),
        (foreign.id, 1, 422, "unknown_product"),
        (uuid4(), 1, 422, "unknown_product"),
    ]
    for product_id, quantity, status, code in expected:
        answer = await system.place(organizer.owner, product_id, quantity)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_money_that_can_not_be_added_or_booked_is_refused(system: System, organizer: Organizer) -> None:
    euros = await system.product(organizer)
    dollars = await system.product(organizer, price=Money(1, "USD"))
    dear = await system.product(organizer, price=Money(10**12, "EUR"))
    body = order_body(euros.id)
    body["items"].append({"product_id": str(dollars.id), "quantity": 1})

    mixed = await post(system, organizer.owner, "/api/v1/orders", body)
    vast = await system.place(organizer.owner, dear.id, 10_000)

    assert (mixed.status_code, mixed.json()["code"]) == (422, "mixed_currency")
    assert (vast.status_code, vast.json()["code"]) == (422, "amount_out_of_range")
    assert await stock(system, organizer) == (0, 0)


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 1.5, "1", True, None, 10**30])
async def test_a_quantity_is_a_whole_number_from_one_to_ten_thousand(
    system: System, organizer: Organizer, quantity: object
) -> None:
    product = await system.product(organizer)
    body = order_body(product.id) | {"items": [{"product_id": str(product.id), "quantity": quantity}]}

    answer = await post(system, organizer.owner, "/api/v1/orders", body)

    assert answer.status_code in {400, 422}
