"""`Prefer: respond-async`: 202 now, and later exactly what would have been answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from app.application.tenancy.contracts import Role
from app.presentation.operations import X_ASYNC
from tests.api.calls import BODIES, Operation, call, operations, things_for
from tests.support.images import IMAGE_BODIES
from tests.support.jobs import ASYNC, ended, job_id, orders, queued, queued_order, run_now, worked_off
from tests.support.owner import rows, value
from tests.support.system import PASSWORD, Organizer, System, order_body

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize(
    "preferred",
    [
        ["respond-async"],
        ["wait=5, respond-async"],
        ["respond-async, wait=5"],
        ["Respond-Async"],
        ["respond-async; later=yes"],
        ["wait=5", "respond-async"],
        ["handling=lenient,respond-async"],
    ],
)
async def test_it_is_taken_with_202_and_told_where_to_look(
    system: System, organizer: Organizer, preferred: list[str]
) -> None:
    product = await system.product(organizer)
    headers = [*organizer.owner.headers.items(), *(("Prefer", line) for line in preferred)]

    response = await system.client.post("/api/v1/orders", json=order_body(product.id), headers=headers)

    body = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/jobs/{body['id']}"
    assert (response.headers["preference-applied"], response.headers["retry-after"]) == ("respond-async", "1")
    assert {name: body[name] for name in ("status", "result", "problem", "started_at", "finished_at")} == {
        "status": "queued", "result": None, "problem": None, "started_at": None, "finished_at": None,
    }  # fmt: skip
    assert await orders(system, organizer.owner) == []


@pytest.mark.parametrize("preferred", ["wait=5", "no-respond-async", "respond-asynchronously", "return=minimal", ""])
async def test_who_prefers_something_else_is_answered_at_once(
    system: System, organizer: Organizer, preferred: str
) -> None:
    product = await system.product(organizer)

    response = await system.place(organizer.owner, product.id, Prefer=preferred)

    assert response.status_code == 201
    assert "preference-applied" not in response.headers


async def test_the_result_is_the_synchronous_answers_body(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    async with worked_off(system):
        location = await queued_order(system, organizer.owner, product.id)
        found = await ended(system, organizer.owner, location)

    assert (found["status"], found["problem"]) == ("succeeded", None)
    assert found["started_at"] <= found["finished_at"]
    shown = await system.client.get(f"/api/v1/orders/{found['result']['id']}", headers=organizer.owner.headers)
    assert found["result"] == shown.json()


async def test_a_change_is_read_back_with_its_types(system: System, organizer: Organizer) -> None:
    """Money, instants, names of states: none of them may become plain text on the way."""
    product = await system.product(organizer, capacity=5)
    path = f"/api/v1/products/{product.id}"
    change = {
        "name": "Sunday",
        "price": {"amount": 4_200, "currency": "EUR"},
        "kind": "merchandise",
        "status": "archived",
        "capacity": None,
        "sale_starts_at": "2026-11-21T10:00:00Z",
        "sale_ends_at": "2026-12-21T10:00:00+01:00",
    }
    location = await queued(system, organizer.owner, "PATCH", path, change)
    await run_now(system, organizer.owner, location)

    found = await ended(system, organizer.owner, location)
    shown = (await system.client.get(path, headers=organizer.owner.headers)).json()

    assert found["status"] == "succeeded", found["problem"]
    assert found["result"] == shown
    told = {name: shown[name] for name in change}
    assert told == change | {"sale_ends_at": "2026-12-21T09:00:00Z"}


async def test_an_instruction_to_match_a_version_is_kept(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    path = f"/api/v1/products/{product.id}"
    for version, status in (("99", "failed"), ("1", "succeeded")):
        location = await queued(
            system, organizer.owner, "PATCH", path, {"name": "Sunday"}, **{"If-Match": f'"{version}"'}
        )
        await run_now(system, organizer.owner, location)
        assert (await ended(system, organizer.owner, location))["status"] == status


def problem(told: dict[str, Any]) -> dict[str, Any]:
    return told | {"instance": "", "request_id": ""}


@pytest.mark.parametrize("case", ["sold_out", "unknown_product", "over_limit"])
async def test_the_problem_is_the_synchronous_one(system: System, organizer: Organizer, case: str) -> None:
    product = await system.product(organizer, capacity=3, max_per_order=5 if case == "sold_out" else 2)
    product_id = uuid4() if case == "unknown_product" else product.id
    refused = await system.place(organizer.owner, product_id, 4)
    location = await queued_order(system, organizer.owner, product_id, 4)
    await run_now(system, organizer.owner, location)

    found = await ended(system, organizer.owner, location)

    assert refused.json()["code"] == case
    assert (found["status"], found["result"]) == ("failed", None)
    assert problem(found["problem"]) == problem(refused.json())
    assert found["problem"]["status"] == refused.status_code
    assert found["problem"]["instance"] == location


async def test_what_is_wrong_with_the_request_itself_is_said_at_once(system: System, organizer: Organizer) -> None:
    member = await system.person(organizer.tenant_id, Role.MEMBER)
    for person, body, status in ((organizer.owner, {}, 422), (member, order_body(uuid4()), 403)):
        response = await system.client.post("/api/v1/orders", json=body, headers=person.headers | ASYNC)
        assert response.status_code == status
    assert await value(system, "SELECT count(*) FROM jobs") == 0


async def test_the_same_key_gets_the_same_bytes_and_one_effect(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    headers = organizer.owner.headers | ASYNC | {"Idempotency-Key": "once"}

    async def send(quantity: int = 1) -> httpx.Response:
        return await system.client.post("/api/v1/orders", json=order_body(product.id, quantity), headers=headers)

    first, again = await send(), await send()
    async with worked_off(system):
        await ended(system, organizer.owner, first.headers["location"])
        late, other = await send(), await send(quantity=2)

    for repeated in (again, late):
        assert (repeated.status_code, repeated.content) == (202, first.content)
        assert repeated.headers["idempotency-replayed"] == "true"
        assert repeated.headers["location"] == first.headers["location"]
        assert repeated.headers["preference-applied"] == "respond-async"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert await value(system, "SELECT count(*) FROM jobs") == 1
    assert len(await orders(system, organizer.owner)) == 1


async def test_a_clients_key_is_never_taken_for_a_jobs_own(system: System, organizer: Organizer) -> None:
    """Somebody names a key after their job before it has run."""
    product = await system.product(organizer)
    location = await queued_order(system, organizer.owner, product.id, 2)
    key = "job:" + location.rpartition("/")[2]
    early = await system.place(organizer.owner, product.id, 1, **{"Idempotency-Key": key})
    assert early.status_code == 201
    await run_now(system, organizer.owner, location)

    found = await ended(system, organizer.owner, location)

    assert found["result"]["items"][0]["quantity"] == 2
    assert len(await orders(system, organizer.owner)) == 2


async def test_what_hands_out_secrets_is_never_queued(system: System, organizer: Organizer) -> None:
    body = {"email": organizer.owner.email, "password": PASSWORD}

    response = await system.client.post(
        "/api/v1/auth/login", json=body, headers=ASYNC | {"X-Tenant-ID": organizer.slug}
    )

    assert response.status_code == 200
    assert response.json()["access_token"]
    assert await value(system, "SELECT count(*) FROM jobs") == 0


async def test_one_request_id_leads_from_the_answer_to_what_the_job_did(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)
    location = await queued_order(system, organizer.owner, product.id, 1, **{"X-Request-ID": "trace-me-7"})
    await run_now(system, organizer.owner, location)

    told = await rows(system, "SELECT type FROM outbox WHERE request_id = 'trace-me-7' ORDER BY id")
    audited = await rows(system, "SELECT action, actor_id FROM audit_log WHERE request_id = 'trace-me-7' ORDER BY id")

    assert told == [("job.queued",), ("order.placed",)]
    assert audited == [(action, organizer.owner.user_id) for (action,) in told]


def queueable(system: System) -> list[Operation]:
    described = system.app.openapi()["paths"]
    return [
        one
        for one in operations(system.app)
        if one.method in CHANGING
        and X_ASYNC not in described[one.path][one.method.lower()]
        and (one.id in {*BODIES, *IMAGE_BODIES} or "requestBody" not in described[one.path][one.method.lower()])
    ]


def shape(found: object) -> object:
    """Names, without the values that differ from call to call."""
    if isinstance(found, dict):
        return {name: shape(value) for name, value in found.items()}
    return [shape(one) for one in found] if isinstance(found, list) else type(found).__name__


async def test_every_operation_that_may_be_queued_ends_as_it_does_at_once(system: System, organizer: Organizer) -> None:
    """A new command that can't be written down, or a result that is rendered in another way, is found here."""
    for operation in queueable(system):
        now, later = [await sent(system, organizer, operation, headers) for headers in ({}, ASYNC)]
        assert later.status_code == 202, (operation.id, later.text)
        location = later.headers["location"]
        ((tenant_id,),) = await rows(system, "SELECT tenant_id FROM jobs WHERE id = $1", job_id(location))
        await run_now(system, replace(organizer.owner, tenant_id=tenant_id), location)
        ((status, result, failure),) = await rows(
            system, "SELECT status, result, failure FROM jobs WHERE id = $1", job_id(location)
        )
        assert status == ("succeeded" if now.is_success else "failed"), (operation.id, failure)
        if now.is_success:
            told = None if result is None else orjson.loads(result)
            assert shape(told) == shape(now.json() if now.content else None), operation.id
        else:
            assert orjson.loads(failure)["code"] == now.json()["code"], operation.id


async def sent(system: System, organizer: Organizer, operation: Operation, headers: dict[str, str]) -> httpx.Response:
    """By somebody new, aimed at something new."""
    caller = await system.person(organizer.tenant_id, Role.OWNER)
    things = await things_for(system, organizer, operation, caller)
    return await call(system, operation, things, caller, caller.headers | headers)
