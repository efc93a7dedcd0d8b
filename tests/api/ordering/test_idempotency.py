"""`Idempotency-Key`: one deed per key, the same answer to every repetition, from whichever process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.application.tenancy.contracts import Role
from tests.support.ledger import assert_the_books_agree
from tests.support.system import Organizer, System, order_body, running

KEPT = ("etag", "location", "content-type")


def a_key() -> dict[str, Any]:
    return named(secrets.token_hex(8))


def named(key: str) -> dict[str, Any]:
    return {"Idempotency-Key": key}


def same(first: httpx.Response, again: httpx.Response) -> None:
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert {n: again.headers.get(n) for n in KEPT} == {n: first.headers.get(n) for n in KEPT}


async def held(system: System, organizer: Organizer) -> int:
    orders = await assert_the_books_agree(system.application.database, organizer.tenant_id)
    return sum(line.quantity for order in orders for line in order.lines if order.status == "pending")


async def test_a_repetition_gets_the_same_bytes_and_places_nothing(system: System, organizer: Organizer) -> None:
    product, key = await system.product(organizer), a_key()

    first = await system.place(organizer.owner, product.id, **key)
    again = await system.place(organizer.owner, product.id, **key)

    assert first.status_code == 201
    same(first, again)
    assert await held(system, organizer) == 1


async def test_without_a_key_each_request_is_a_new_order(system: System, organizer: Organizer) -> None:
    """The twin: it is the key that makes them one."""
    product = await system.product(organizer)

    for _ in range(2):
        assert (await system.place(organizer.owner, product.id)).status_code == 201

    assert await held(system, organizer) == 2


@pytest.mark.parametrize("change", ["quantity", "path"])
async def test_the_same_key_on_another_request_is_refused(system: System, organizer: Organizer, change: str) -> None:
    product, key = await system.product(organizer), a_key()
    first = await system.place(organizer.owner, product.id, **key)

    if change == "quantity":
        other = await system.place(organizer.owner, product.id, 2, **key)
    else:
        path = f"{first.headers['location']}/confirm"
        other = await system.client.post(path, headers=organizer.owner.headers | key)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert await held(system, organizer) == 1


async def test_a_hundred_equal_requests_at_once_make_one_order(system: System, organizer: Organizer) -> None:
    product, key = await system.product(organizer), a_key()

    answers = await asyncio.gather(*(system.place(organizer.owner, product.id, **key) for _ in range(100)))

    placed = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in placed}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in placed) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_flight")
            assert answer.headers["retry-after"] == "1"
    assert await held(system, organizer) == 1


async def test_equal_keys_of_two_people_and_two_tenants_never_meet(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    key = a_key()
    buyers = [await system.person(organizer.tenant_id, Role.CUSTOMER) for _ in range(2)]
    mine, theirs = await system.product(organizer), await system.product(other)

    answers = [
        *[await system.place(buyer, mine.id, **key) for buyer in buyers],
        await system.place(other.owner, theirs.id, **key),
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 3
    assert all("idempotency-replayed" not in answer.headers for answer in answers)


async def test_a_refusal_is_not_kept(system: System, organizer: Organizer) -> None:
    product, key = await system.product(organizer, capacity=0), a_key()
    refused = await system.place(organizer.owner, product.id, **key)
    assert refused.status_code == 409
    path = f"/api/v1/products/{product.id}"
    await system.client.patch(path, json={"capacity": 1}, headers=organizer.owner.headers)

    placed = await system.place(organizer.owner, product.id, **key)

    assert placed.status_code == 201
    assert "idempotency-replayed" not in placed.headers


async def test_it_survives_another_session_another_process_and_an_empty_cache(
    system: System, organizer: Organizer, tmp_path: Path
) -> None:
    product, key = await system.product(organizer), a_key()
    first = await system.place(organizer.owner, product.id, **key)
    owner = organizer.owner
    fresh = await system.signed_in(owner.user_id, owner.tenant_id, Role.OWNER, owner.email)
    settings = system.settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    async with running(settings, system.addresses) as second:
        again = await second.place(fresh, product.id, **key)

    same(first, again)


async def test_it_survives_the_rotation_of_the_signing_key(system: System, organizer: Organizer) -> None:
    """The fingerprint is keyed: repetitions and mismatches are still told apart, both ways round the roll-out."""
    product, before, during = await system.product(organizer), a_key(), a_key()
    old, new = system.settings.secret_key, SecretStr("the next key of the tests, long enough")
    first = await system.place(organizer.owner, product.id, **before)
    rotated = system.settings.model_copy(update={"secret_key": new, "secret_key_previous": old})
    async with running(rotated, system.addresses) as second:
        again = await second.place(organizer.owner, product.id, **before)
        mismatch = await second.place(organizer.owner, product.id, 2, **before)
        newer = await second.place(organizer.owner, product.id, **during)
    async with running(system.settings.model_copy(update={"secret_key_previous": new}), system.addresses) as third:
        back = await third.place(organizer.owner, product.id, **during)

    same(first, again)
    assert mismatch.json()["code"] == "idempotency_mismatch"
    same(newer, back)


async def test_with_another_key_altogether_a_repetition_is_not_recognised(system: System, organizer: Organizer) -> None:
    """The twin of the rotation: it is the previous key that makes it work."""
    product, key = await system.product(organizer), a_key()
    await system.place(organizer.owner, product.id, **key)
    strange = SecretStr("a key of somebody else, which is long too")
    async with running(system.settings.model_copy(update={"secret_key": strange}), system.addresses) as second:
        owner = organizer.owner
        person = await second.signed_in(owner.user_id, owner.tenant_id, Role.OWNER, owner.email)
        answer = await second.place(person, product.id, **key)

    assert answer.json()["code"] == "idempotency_mismatch"


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "nul\x00", "ünreadable".encode("latin-1")])
async def test_a_key_that_is_none_is_refused(system: System, organizer: Organizer, key: str | bytes) -> None:
    product = await system.product(organizer)
    headers: Mapping[Any, Any] = {
        b"Idempotency-Key": key if isinstance(key, bytes) else key.encode(),
        b"Authorization": organizer.owner.headers["Authorization"].encode(),
    }

    answer = await system.client.post("/api/v1/orders", json=order_body(product.id), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert await held(system, organizer) == 0


@pytest.mark.parametrize("key", ["x", "x" * 255, " ~! \"'"])
async def test_any_printable_key_up_to_255_characters_is_taken(system: System, organizer: Organizer, key: str) -> None:
    product = await system.product(organizer)

    first = await system.place(organizer.owner, product.id, **named(key))

    same(first, await system.place(organizer.owner, product.id, **named(key)))


async def test_every_change_can_be_repeated(system: System, organizer: Organizer) -> None:
    """Confirm, cancel, patch and delete: none happens twice, though none could."""
    client, headers = system.client, organizer.owner.headers
    product, spare = await system.product(organizer, name="Before"), await system.product(organizer)
    order = (await system.place(organizer.owner, product.id)).headers["location"]
    for method, path, body in [
        ("POST", f"{order}/confirm", None),
        ("POST", f"{order}/cancel", {"reason": "rain"}),
        ("PATCH", f"/api/v1/products/{product.id}", {"name": "After"}),
        ("DELETE", f"/api/v1/products/{spare.id}", None),
        ("DELETE", f"/api/v1/products/{product.id}", None),
    ]:
        key = a_key()
        first = await client.request(method, path, json=body, headers=headers | key)
        assert first.status_code in {200, 204}, first.text
        same(first, await client.request(method, path, json=body, headers=headers | key))


async def test_a_change_that_changed_nothing_is_kept_too(system: System, organizer: Organizer) -> None:
    product, key = await system.product(organizer, name="As it is"), a_key()
    path, headers = f"/api/v1/products/{product.id}", organizer.owner.headers | key
    first = await system.client.patch(path, json={"name": "As it is"}, headers=headers)
    assert first.json()["version"] == 1

    same(first, await system.client.patch(path, json={"name": "As it is"}, headers=headers))

    other = await system.client.patch(path, json={"name": "Something else"}, headers=headers)
    assert other.json()["code"] == "idempotency_mismatch"
