"""Running what is queued: once whatever happens, as whoever asked for it, and never what they may no longer do."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.application.ordering.commands.place_order import PlaceOrder
from app.application.sealing import Sealer
from app.application.tenancy.contracts import Role
from app.infrastructure.jobs.runner import JobRunner
from app.infrastructure.security.sealing import AesGcmSealer, SealingKey
from app.shared.errors import Unavailable
from tests.support.jobs import (
    ASYNC,
    ended,
    event_of,
    job,
    job_id,
    job_runner,
    orders,
    queued,
    queued_order,
    run_now,
    worked_off,
)
from tests.support.owner import rows, value
from tests.support.system import Organizer, Person, System


@pytest.fixture
async def product_id(system: System, organizer: Organizer) -> UUID:
    return (await system.product(organizer)).id


async def failed_with(system: System, person: Person, location: str) -> tuple[str, int]:
    found = await job(system, person, location)
    assert (found["status"], found["result"]) == ("failed", None)
    return found["problem"]["code"], found["problem"]["status"]


# --- who may look ---------------------------------------------------------------------------------------------------


async def looked_at(system: System, person: Person, location: str, **headers: str) -> int:
    return (await system.client.get(location, headers=person.headers | headers)).status_code


async def test_buyers_see_their_own_jobs_and_staff_all_of_the_tenant(
    system: System, organizer: Organizer, other: Organizer, product_id: UUID
) -> None:
    buyer, neighbour = [await system.person(organizer.tenant_id, Role.CUSTOMER) for _ in range(2)]
    location = await queued_order(system, buyer, product_id)
    seen = {
        role.value: await looked_at(system, await system.person(organizer.tenant_id, role), location)
        for role in (Role.OWNER, Role.ADMIN, Role.MEMBER)
    }

    assert await looked_at(system, buyer, location) == 200
    assert seen == {"owner": 200, "admin": 200, "member": 200}
    assert await looked_at(system, neighbour, location) == 404
    assert await looked_at(system, other.owner, location) == 404
    assert (await system.client.get(location)).status_code == 401


async def test_anothers_job_looks_like_one_that_never_was(
    system: System, organizer: Organizer, other: Organizer, product_id: UUID
) -> None:
    location = await queued_order(system, organizer.owner, product_id)

    answers = [
        (await system.client.get(path, headers=other.owner.headers)).json() | {"instance": "", "request_id": ""}
        for path in (location, f"/api/v1/jobs/{uuid4()}")
    ]

    assert answers[0] == answers[1]
    assert answers[0]["code"] == "job_not_found"


async def test_a_job_that_has_not_changed_is_not_sent_again(
    system: System, organizer: Organizer, product_id: UUID
) -> None:
    location = await queued_order(system, organizer.owner, product_id)
    etag = (await system.client.get(location, headers=organizer.owner.headers)).headers["etag"]
    again = organizer.owner.headers | {"If-None-Match": etag}

    assert (await system.client.get(location, headers=again)).status_code == 304
    await run_now(system, organizer.owner, location)
    assert (await system.client.get(location, headers=again)).status_code == 200


# --- what may still be done -----------------------------------------------------------------------------------------


async def test_a_permission_that_was_taken_away_meanwhile_is_missed(
    system: System, organizer: Organizer, product_id: UUID
) -> None:
    admin = await system.person(organizer.tenant_id, Role.ADMIN)
    location = await queued(system, admin, "PATCH", f"/api/v1/products/{product_id}", {"name": "Mine now"})
    path = f"/api/v1/users/{admin.user_id}"
    changed = await system.client.patch(path, json={"role": "member"}, headers=organizer.owner.headers)
    assert changed.status_code == 200
    await run_now(system, organizer.owner, location)

    assert await failed_with(system, organizer.owner, location) == ("forbidden", 403)
    shown = await system.client.get(f"/api/v1/products/{product_id}", headers=organizer.owner.headers)
    assert shown.json()["name"] != "Mine now"


@pytest.mark.parametrize("leave", ["removed", "disabled", "closed"])
async def test_somebody_who_is_no_member_any_more_does_nothing(
    system: System, organizer: Organizer, product_id: UUID, leave: str
) -> None:
    buyer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    location = await queued_order(system, buyer, product_id)
    path = f"/api/v1/users/{buyer.user_id}"
    if leave == "removed":
        await system.client.delete(path, headers=organizer.owner.headers)
    elif leave == "closed":
        assert (await system.client.delete("/api/v1/users/me", headers=buyer.headers)).status_code == 204
    else:
        await system.client.patch(path, json={"is_active": False}, headers=organizer.owner.headers)
    await run_now(system, organizer.owner, location)

    assert await failed_with(system, organizer.owner, location) == ("forbidden", 403)
    assert await orders(system, organizer.owner) == []


async def test_what_followed_from_the_role_then_is_not_done_with_another_role_now(
    system: System, organizer: Organizer, product_id: UUID
) -> None:
    """Staff cancel anybody's order and buyers their own, by the same permission: a queued command knows whose."""
    placed = (await system.place(organizer.owner, product_id)).json()
    admin = await system.person(organizer.tenant_id, Role.ADMIN)
    location = await queued(system, admin, "POST", f"/api/v1/orders/{placed['id']}/cancel", {"reason": "out of spite"})
    path = f"/api/v1/users/{admin.user_id}"
    await system.client.patch(path, json={"role": "customer"}, headers=organizer.owner.headers)
    await run_now(system, organizer.owner, location)

    assert await failed_with(system, organizer.owner, location) == ("forbidden", 403)
    assert [order["status"] for order in await orders(system, organizer.owner)] == ["pending"]


async def test_a_superuser_who_visits_may_queue_and_a_former_one_may_not(
    system: System, organizer: Organizer, other: Organizer, product_id: UUID
) -> None:
    visitor = await system.person(other.tenant_id, Role.ADMIN, is_superuser=True)
    for sql, wanted in ((None, "succeeded"), ("UPDATE users SET is_superuser = false WHERE id = $1", "failed")):
        location = await queued(
            system, visitor, "PATCH", f"/api/v1/products/{product_id}", {"name": f"A {wanted} visit"},
            **{"X-Tenant-ID": organizer.slug},
        )  # fmt: skip
        if sql:
            await rows(system, sql, visitor.user_id)
        await run_now(system, organizer.owner, location)
        assert (await job(system, organizer.owner, location))["status"] == wanted


# --- once -----------------------------------------------------------------------------------------------------------


async def test_two_that_run_it_at_once_do_it_once(system: System, organizer: Organizer, product_id: UUID) -> None:
    location = await queued_order(system, organizer.owner, product_id)
    event = event_of(organizer.owner, location)

    async def insisting() -> None:
        runner = job_runner(system)
        while True:
            try:
                await runner.react(event)
            except Unavailable:
                await asyncio.sleep(0.01)
            else:
                return

    await asyncio.gather(*(insisting() for _ in range(5)))

    found = await job(system, organizer.owner, location)
    assert found["status"] == "succeeded"
    (order,) = await orders(system, organizer.owner)
    assert order["id"] == found["result"]["id"]


class Killed(BaseException):
    """kill -9, as far as a test in the same process can."""


async def killed_before_the_end(system: System, person: Person, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(JobRunner, "_finish", killed)
        with pytest.raises(Killed):
            await run_now(system, person, location)


async def test_killed_between_the_command_and_the_note_of_it_the_job_ends_and_nothing_is_done_twice(
    system: System, organizer: Organizer, product_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = await queued_order(system, organizer.owner, product_id)
    for _ in range(2):
        await killed_before_the_end(system, organizer.owner, location, monkeypatch)
        assert (await job(system, organizer.owner, location))["status"] == "running"

    await run_now(system, organizer.owner, location)

    found = await job(system, organizer.owner, location)
    (order,) = await orders(system, organizer.owner)
    assert (found["status"], found["result"]["id"]) == ("succeeded", order["id"])


async def test_what_took_effect_is_told_although_the_permission_was_taken_away_since(
    system: System, organizer: Organizer, product_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    location = await queued_order(system, buyer, product_id)
    await killed_before_the_end(system, organizer.owner, location, monkeypatch)
    await system.client.delete(f"/api/v1/users/{buyer.user_id}", headers=organizer.owner.headers)

    await run_now(system, organizer.owner, location)

    assert (await job(system, organizer.owner, location))["status"] == "succeeded"


async def test_a_closed_account_does_not_even_what_anybody_may_who_is_signed_in(
    system: System, organizer: Organizer
) -> None:
    leaving = await system.person(organizer.tenant_id, Role.CUSTOMER)
    slug = f"late-{leaving.user_id.hex[-20:]}"
    location = await queued(system, leaving, "POST", "/api/v1/tenants", {"name": "Late", "slug": slug})
    assert (await system.client.delete("/api/v1/users/me", headers=leaving.headers)).status_code == 204

    await run_now(system, organizer.owner, location)

    assert await failed_with(system, organizer.owner, location) == ("forbidden", 403)


async def test_twin_without_its_own_key_it_would_be_done_twice(
    system: System, organizer: Organizer, product_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.infrastructure.jobs import runner as module

    location = await queued_order(system, organizer.owner, product_id)
    await killed_before_the_end(system, organizer.owner, location, monkeypatch)
    monkeypatch.setattr(module, "OWN_KEY", "another, each time:")

    await run_now(system, organizer.owner, location)

    assert len(await orders(system, organizer.owner)) == 2


async def test_begun_so_long_ago_that_its_answer_may_be_gone_it_is_not_done_again(
    system: System, organizer: Organizer, product_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = await queued_order(system, organizer.owner, product_id)
    await killed_before_the_end(system, organizer.owner, location, monkeypatch)
    await rows(system, "UPDATE jobs SET started_at = now() - interval '25 hours'")
    await rows(system, "DELETE FROM idempotency_keys")

    await run_now(system, organizer.owner, location)

    assert await failed_with(system, organizer.owner, location) == ("command_lost", 422)
    assert len(await orders(system, organizer.owner)) == 1


async def test_of_two_the_one_whose_command_was_committed_is_right(
    system: System, organizer: Organizer, product_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was refused and notes it while the other, who began before, succeeds."""
    location = await queued_order(system, organizer.owner, product_id)
    await killed_before_the_end(system, organizer.owner, location, monkeypatch)
    event, runner = event_of(organizer.owner, location), job_runner(system)
    refused = {"code": "sold_out", "kind": "conflict", "message": "Too late.", "errors": [], "extra": {}}
    await runner._finish(event, "failed", failure=refused)

    await runner._finish(event, "succeeded", result=b'{"id": "x"}')
    await runner._finish(event, "failed", failure=refused)

    found = await job(system, organizer.owner, location)
    assert (found["status"], found["result"], found["problem"]) == ("succeeded", {"id": "x"}, None)


async def test_what_has_ended_is_not_begun_again(system: System, organizer: Organizer, product_id: UUID) -> None:
    location = await queued_order(system, organizer.owner, product_id)
    await run_now(system, organizer.owner, location)
    before = await job(system, organizer.owner, location)

    await run_now(system, organizer.owner, location)

    assert await job(system, organizer.owner, location) == before


async def test_a_job_that_is_gone_is_no_fault(system: System, organizer: Organizer) -> None:
    await run_now(system, organizer.owner, f"/api/v1/jobs/{uuid4()}")


# --- what goes wrong ------------------------------------------------------------------------------------------------


async def test_a_defect_is_told_as_one_and_the_job_can_be_begun_again(
    system: System, organizer: Organizer, product_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.domain.ordering.order import Order

    location = await queued_order(system, organizer.owner, product_id)
    with monkeypatch.context() as patch:
        patch.setattr(Order, "place", classmethod(lambda *_, **__: 1 / 0))
        with pytest.raises(ZeroDivisionError):
            await run_now(system, organizer.owner, location)

    assert await failed_with(system, organizer.owner, location) == ("internal_error", 500)
    assert "division" not in (await system.client.get(location, headers=organizer.owner.headers)).text

    await run_now(system, organizer.owner, location)
    found = await job(system, organizer.owner, location)
    assert (found["status"], found["problem"]) == ("succeeded", None)


async def test_while_something_is_away_the_job_waits(
    system: System, organizer: Organizer, product_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.domain.ordering.order import Order

    def away(*_: object, **__: object) -> None:
        raise Unavailable("away")

    location = await queued_order(system, organizer.owner, product_id)
    with monkeypatch.context() as patch:
        patch.setattr(Order, "place", away)
        with pytest.raises(Unavailable):
            await run_now(system, organizer.owner, location)
    assert (await job(system, organizer.owner, location))["status"] == "running"

    await run_now(system, organizer.owner, location)
    assert (await job(system, organizer.owner, location))["status"] == "succeeded"


async def test_a_command_that_this_release_does_not_have_is_lost(
    system: System, organizer: Organizer, product_id: UUID
) -> None:
    location = await queued_order(system, organizer.owner, product_id)

    await job_runner(system, lacking=lambda command: command is PlaceOrder).react(event_of(organizer.owner, location))

    assert await failed_with(system, organizer.owner, location) == ("command_lost", 422)


async def test_arguments_that_this_release_reads_in_another_way_are_lost(
    system: System, organizer: Organizer, product_id: UUID
) -> None:
    location = await queued_order(system, organizer.owner, product_id)
    sealer: Sealer = system.application.container.resolve(Sealer)
    other = sealer.seal(b'{"buyer_id": "nobody", "colour": "blue"}', purpose="job")
    await rows(system, "UPDATE jobs SET arguments = $1", other)

    await run_now(system, organizer.owner, location)

    assert await failed_with(system, organizer.owner, location) == ("command_lost", 422)


@pytest.mark.parametrize("broken", ["another key", "changed bytes", "another job's purpose"])
async def test_what_can_not_be_opened_is_lost(
    system: System, organizer: Organizer, product_id: UUID, broken: str
) -> None:
    location = await queued_order(system, organizer.owner, product_id)
    own: Sealer = system.application.container.resolve(Sealer)
    sealer: Sealer | None = None
    if broken == "another key":
        sealer = AesGcmSealer(SealingKey.derived_from("a key that was never this system's own"))
    elif broken == "changed bytes":
        await rows(system, "UPDATE jobs SET arguments = set_byte(arguments, 30, 255 - get_byte(arguments, 30))")
    else:
        await rows(system, "UPDATE jobs SET arguments = $1", own.seal(b"{}", purpose="webhook"))

    await job_runner(system, sealer=sealer).react(event_of(organizer.owner, location))

    assert await failed_with(system, organizer.owner, location) == ("command_lost", 422)
    assert await orders(system, organizer.owner) == []


async def test_what_a_command_holds_can_be_read_in_no_column(
    system: System, organizer: Organizer, product_id: UUID
) -> None:
    canary = f"canary{uuid4().hex}"
    body = {"customer": {"email": f"{canary}@example.com", "name": canary}, "items": [
        {"product_id": str(product_id), "quantity": 1}
    ]}  # fmt: skip
    await queued(system, organizer.owner, "POST", "/api/v1/orders", body)

    everything = "SELECT convert_to(to_jsonb(j)::text, 'UTF8') || arguments FROM jobs j"
    for found in (
        await value(system, everything),
        str(await rows(system, "SELECT to_jsonb(e)::text FROM events e")).encode(),
        str(await rows(system, "SELECT to_jsonb(o)::text FROM outbox o")).encode(),
        str(await rows(system, "SELECT to_jsonb(a)::text FROM audit_log a")).encode(),
    ):
        assert found
        assert canary.encode() not in found
        assert canary.encode().hex().encode() not in found


async def test_what_dies_as_a_message_can_be_replayed_and_then_succeeds(
    system: System, organizer: Organizer, product_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: queue, workers, five tries, dead letter, replay, result."""
    from app.domain.ordering.order import Order
    from app.infrastructure.messaging import runner
    from tests.support.peers import until

    monkeypatch.setattr(runner, "FIRST_PAUSE", 0.001)
    headers, letters = organizer.owner.headers, "/api/v1/dead-letters?subscriber=jobs"
    async with worked_off(system):
        with monkeypatch.context() as patch:
            patch.setattr(Order, "place", classmethod(lambda *_, **__: 1 / 0))
            location = await queued_order(system, organizer.owner, product_id)

            async def buried() -> list[Any]:
                found: list[Any] = (await system.client.get(letters, headers=headers)).json()["items"]
                return found

            await until(buried, "the dead letter")
        (letter,) = await buried()
        assert (letter["reason"], letter["object"]["id"]) == ("ZeroDivisionError", str(job_id(location)))
        assert await failed_with(system, organizer.owner, location) == ("internal_error", 500)
        await system.client.post(f"/api/v1/dead-letters/{letter['id']}/replay", headers=headers)

        async def succeeded() -> bool:
            return bool((await job(system, organizer.owner, location))["status"] == "succeeded")

        await until(succeeded, "the replay")
        found = await ended(system, organizer.owner, location)

    assert [order["id"] for order in await orders(system, organizer.owner)] == [found["result"]["id"]]


async def test_jobs_of_many_run_side_by_side_and_each_once(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    products = {one.tenant_id: (await system.product(one, capacity=10)).id for one in (organizer, other)}
    sent = [
        (one, await system.client.post(
            "/api/v1/orders",
            json={"customer": {"email": "a@example.com", "name": "A"},
                  "items": [{"product_id": str(products[one.tenant_id]), "quantity": 1}]},
            headers=one.owner.headers | ASYNC,
        ))
        for _ in range(15) for one in (organizer, other)
    ]  # fmt: skip
    async with worked_off(system):
        told = [await ended(system, one.owner, response.headers["location"]) for one, response in sent]

    assert sorted(found["status"] for found in told) == ["failed"] * 10 + ["succeeded"] * 20
    for one in (organizer, other):
        assert len(await orders(system, one.owner)) == 10
