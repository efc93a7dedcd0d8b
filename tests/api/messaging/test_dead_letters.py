"""Dead letters over HTTP: seen, looked into, replayed and given up by those who may."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.application.tenancy.contracts import Role
from tests.support.letters import REASON, buried
from tests.support.owner import audit, rows, value
from tests.support.system import Organizer, Person, System

PATH = "/api/v1/dead-letters"


async def listed(system: System, person: Person, **parameters: str | int) -> dict[str, Any]:
    response = await system.client.get(PATH, params=parameters, headers=person.headers)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_letter_says_what_died_where_and_why(system: System, organizer: Organizer) -> None:
    letter = await buried(system, organizer.tenant_id, subscriber="mail", type="order.confirmed", request_id="r-7")

    (shown,) = (await listed(system, organizer.owner))["items"]

    assert (shown["id"], shown["subscriber"], shown["type"]) == (str(letter), "mail", "order.confirmed")
    assert (shown["reason"], shown["tries"], shown["request_id"]) == (REASON, 5, "r-7")
    assert (shown["object"]["kind"], shown["sequence"], shown["replayed_at"]) == ("thing", 1, None)


async def test_one_letter_is_shown_with_the_event_it_carries(system: System, organizer: Organizer) -> None:
    letter = await buried(system, organizer.tenant_id, data={"order_id": "o-1"})
    (listed_one,) = (await listed(system, organizer.owner))["items"]

    response = await system.client.get(f"{PATH}/{letter}", headers=organizer.owner.headers)

    found = response.json()
    assert found["letter"] == listed_one
    assert (found["event"]["id"], found["event"]["data"]) == (listed_one["message_id"], {"order_id": "o-1"})
    again = organizer.owner.headers | {"If-None-Match": response.headers["etag"]}
    assert (await system.client.get(f"{PATH}/{letter}", headers=again)).status_code == 304


async def test_a_list_can_be_of_one_subscriber(system: System, organizer: Organizer) -> None:
    for subscriber in ("mail", "webhooks", "mail"):
        await buried(system, organizer.tenant_id, subscriber=subscriber)

    assert len((await listed(system, organizer.owner, subscriber="mail"))["items"]) == 2
    assert len((await listed(system, organizer.owner, subscriber="webhooks"))["items"]) == 1
    assert (await listed(system, organizer.owner, subscriber="nobody"))["items"] == []


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
async def test_walking_the_pages_shows_each_once_in_order(system: System, organizer: Organizer, sort: str) -> None:
    made = [str(await buried(system, organizer.tenant_id)) for _ in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await listed(system, organizer.owner, limit=2, sort=sort, **cursor)
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert seen == (made if sort == "created_at" else made[::-1])


async def test_a_cursor_is_of_one_filter_and_one_tenant(system: System, organizer: Organizer, other: Organizer) -> None:
    for _ in range(3):
        await buried(system, organizer.tenant_id)
    cursor = (await listed(system, organizer.owner, limit=1))["next_cursor"]

    for person, more in ((organizer.owner, {"subscriber": "mail"}), (other.owner, {})):
        response = await system.client.get(PATH, params={"cursor": cursor, **more}, headers=person.headers)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_cursor")


async def test_replayed_it_goes_to_its_subscriber_alone_under_its_own_id(system: System, organizer: Organizer) -> None:
    letter = await buried(system, organizer.tenant_id, subscriber="webhooks")
    (shown,) = (await listed(system, organizer.owner))["items"]

    response = await system.client.post(f"{PATH}/{letter}/replay", headers=organizer.owner.headers)

    assert response.status_code == 200
    assert response.json() == shown | {"replayed_at": response.json()["replayed_at"]}
    assert response.json()["replayed_at"] is not None
    directed = "SELECT subscriber, message_id, published_at FROM outbox WHERE subscriber IS NOT NULL"
    assert await rows(system, directed) == [("webhooks", UUID(shown["message_id"]), None)]


async def test_replayed_once_it_is_not_replayed_again_before_it_died_again(
    system: System, organizer: Organizer
) -> None:
    letter = await buried(system, organizer.tenant_id)
    path, headers = f"{PATH}/{letter}/replay", organizer.owner.headers
    assert (await system.client.post(path, headers=headers)).status_code == 200

    again = await system.client.post(path, headers=headers)

    assert (again.status_code, again.json()["code"]) == (409, "dead_letter_replayed")
    assert await value(system, "SELECT count(*) FROM outbox WHERE subscriber IS NOT NULL") == 1


async def test_a_replay_with_a_key_is_done_once(system: System, organizer: Organizer) -> None:
    letter = await buried(system, organizer.tenant_id)
    path, headers = f"{PATH}/{letter}/replay", organizer.owner.headers | {"Idempotency-Key": "again"}

    first, second = [await system.client.post(path, headers=headers) for _ in range(2)]

    assert (second.status_code, second.content) == (200, first.content)


async def test_discarded_it_is_gone(system: System, organizer: Organizer) -> None:
    letter, kept = [await buried(system, organizer.tenant_id) for _ in range(2)]
    path, headers = f"{PATH}/{letter}", organizer.owner.headers

    assert (await system.client.delete(path, headers=headers)).status_code == 204

    assert [item["id"] for item in (await listed(system, organizer.owner))["items"]] == [str(kept)]
    for method, gone in (("GET", path), ("DELETE", path), ("POST", f"{path}/replay")):
        response = await system.client.request(method, gone, headers=headers)
        assert (response.status_code, response.json()["code"]) == (404, "dead_letter_not_found")


async def test_what_was_done_to_a_letter_is_written_down(system: System, organizer: Organizer) -> None:
    letter = await buried(system, organizer.tenant_id)
    await system.client.post(f"{PATH}/{letter}/replay", headers=organizer.owner.headers)
    await system.client.delete(f"{PATH}/{letter}", headers=organizer.owner.headers)

    told = await audit(system, organizer.tenant_id)

    assert told[-2:] == [("dead_letter.replayed", "done"), ("dead_letter.discarded", "done")]
    whose = "SELECT DISTINCT actor_id, target_id FROM audit_log WHERE target_kind = 'dead_letter'"
    assert await rows(system, whose) == [(organizer.owner.user_id, letter)]


@pytest.mark.parametrize(
    ("role", "status"), [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.MEMBER, 403), (Role.CUSTOMER, 403)]
)
async def test_who_may_look_and_replay(system: System, organizer: Organizer, role: Role, status: int) -> None:
    letter = await buried(system, organizer.tenant_id)
    person = await system.person(organizer.tenant_id, role)

    answers = [
        await system.client.request(method, path, headers=person.headers)
        for method, path in (("GET", PATH), ("GET", f"{PATH}/{letter}"), ("POST", f"{PATH}/{letter}/replay"))
    ]

    assert [answer.status_code for answer in answers] == [status] * 3


async def test_another_tenants_letter_is_like_one_that_never_was(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    letter = await buried(system, organizer.tenant_id)
    before = await rows(system, "SELECT to_jsonb(d)::text FROM dead_letters d")

    assert (await listed(system, other.owner))["items"] == []
    for method, suffix in (("GET", ""), ("POST", "/replay"), ("DELETE", "")):
        answers = [
            await system.client.request(method, f"{PATH}/{one}{suffix}", headers=other.owner.headers)
            for one in (letter, uuid4())
        ]
        told = [answer.json() | {"instance": "", "request_id": ""} for answer in answers]
        assert answers[0].status_code == 404
        assert told[0] == told[1]
    assert await rows(system, "SELECT to_jsonb(d)::text FROM dead_letters d") == before
