"""Endpoints over the API: making, changing, rotating, enabling, deleting, and who may."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from app.application.tenancy.contracts import Role
from app.application.webhooks.public_events import known_filters
from tests.support.owner import audit, value
from tests.support.system import Organizer, System
from tests.support.webhook_things import URL, WEBHOOK

PATH = "/api/v1/webhooks"


async def create(system: System, organizer: Organizer, **values: Any) -> dict[str, Any]:
    answer = await system.client.post(PATH, json=WEBHOOK | values, headers=organizer.owner.headers)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def test_a_new_webhook_shows_its_secret_once(system: System, organizer: Organizer) -> None:
    answer = await system.client.post(PATH, json=WEBHOOK, headers=organizer.owner.headers)
    made = answer.json()
    assert made["secret"].startswith("whsec_")
    assert answer.headers["cache-control"] == "no-store"

    shown = await system.client.get(answer.headers["location"], headers=organizer.owner.headers)
    listed = await system.client.get(PATH, headers=organizer.owner.headers)

    assert shown.json() == {name: held for name, held in made.items() if name != "secret"}
    assert listed.json()["items"] == [shown.json()]
    assert (made["status"], made["url"], made["events"], made["version"]) == ("active", URL, ["order.*"], 1)


async def test_a_key_keeps_no_answer_that_holds_a_secret(system: System, organizer: Organizer) -> None:
    keyed = organizer.owner.headers | {"Idempotency-Key": uuid4().hex}
    one, two = [(await system.client.post(PATH, json=WEBHOOK, headers=keyed)).json() for _ in range(2)]
    assert one["secret"] != two["secret"]
    kept = "SELECT count(*) FROM idempotency_keys WHERE tenant_id = $1"
    assert await value(system, kept, organizer.tenant_id) == 0


async def test_rotation_shows_the_new_secret_and_until_when_the_old_one_signs(
    system: System, organizer: Organizer
) -> None:
    made = await create(system, organizer)
    path = f"{PATH}/{made['id']}/rotate-secret"
    for body in ({"keep_previous_hours": 1}, None):
        rotated = (await system.client.post(path, json=body, headers=organizer.owner.headers)).json()
        assert rotated["secret"].startswith("whsec_")
        assert rotated["secret"] != made["secret"]
        assert rotated["previous_secret_until"] > rotated["updated_at"]
    assert ("webhook_endpoint.rotated", "done") in await audit(system, organizer.tenant_id)


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"url": "http://user:pw@example.com/"}, "webhook_url_refused", "/url"),
        ({"url": "https://127.0.0.1/"}, "webhook_url_refused", "/url"),
        ({"url": "https://93.184.215.14:25/"}, "webhook_url_refused", "/url"),
        ({"url": ""}, "validation_failed", "/url"),
        ({"events": ["order.*", "session.*"]}, "unknown_event_type", "/events/1"),
        ({"events": []}, "validation_failed", "/events"),
        ({"status": "disabled"}, "validation_failed", "/status"),
        ({"secret": "whsec_mine"}, "validation_failed", "/secret"),
    ],
)
async def test_what_can_not_be_is_refused_by_name(
    system: System, organizer: Organizer, changes: dict[str, Any], code: str, pointer: str
) -> None:
    made = await create(system, organizer)
    headers = organizer.owner.headers
    answers = [await system.client.patch(f"{PATH}/{made['id']}", json=changes, headers=headers)]
    answers.append(await system.client.post(PATH, json=WEBHOOK | changes, headers=headers))
    for answer in answers:
        assert answer.status_code == 422
        assert (answer.json()["code"], answer.json()["errors"][0]["pointer"]) == (code, pointer)
        assert str(changes.get("url") or "no url") not in answer.text


async def test_changes_need_the_current_version_when_they_name_one(system: System, organizer: Organizer) -> None:
    made = await create(system, organizer)
    path, headers = f"{PATH}/{made['id']}", organizer.owner.headers
    etag = (await system.client.get(path, headers=headers)).headers["etag"]
    stale = headers | {"If-Match": etag}
    body = {"events": ["product.created"], "description": "Desk", "status": "paused"}

    changed = await system.client.patch(path, json=body, headers=stale)

    assert {name: changed.json()[name] for name in body} == body
    for again in (
        await system.client.patch(path, json={"description": "x"}, headers=stale),
        await system.client.delete(path, headers=stale),
    ):
        assert (again.status_code, again.json()["code"]) == (412, "stale_version")
    fresh = headers | {"If-Match": changed.headers["etag"]}
    assert (await system.client.delete(path, headers=fresh)).status_code == 204
    for gone in (await system.client.get(path, headers=headers), await system.client.delete(path, headers=headers)):
        assert (gone.status_code, gone.json()["code"]) == (404, "webhook_not_found")
    assert (await system.client.get(PATH, headers=headers)).json()["items"] == []


async def test_only_what_is_paused_or_disabled_can_be_enabled(system: System, organizer: Organizer) -> None:
    made = await create(system, organizer)
    path, headers = f"{PATH}/{made['id']}", organizer.owner.headers
    refused = await system.client.post(f"{path}/enable", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_state")
    await system.client.patch(path, json={"status": "paused"}, headers=headers)
    for what in ("ping", "replay"):
        body = {"since": "2026-01-01T00:00:00Z"} if what == "replay" else None
        refused = await system.client.post(f"{path}/{what}", json=body, headers=headers)
        assert (refused.status_code, refused.json()["webhook_status"]) == (409, "paused")
    assert (await system.client.post(f"{path}/enable", headers=headers)).json()["status"] == "active"


async def test_a_tenant_has_fifty_at_most_however_they_are_made(system: System, organizer: Organizer) -> None:
    for _ in range(45):
        await create(system, organizer)
    answers = await asyncio.gather(
        *(system.client.post(PATH, json=WEBHOOK, headers=organizer.owner.headers) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 5
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"webhook_limit"}

    listed = (await system.client.get(PATH, params={"limit": "30"}, headers=organizer.owner.headers)).json()
    rest = {"limit": "30", "cursor": listed["next_cursor"]}
    more = (await system.client.get(PATH, params=rest, headers=organizer.owner.headers)).json()
    assert len({item["id"] for item in listed["items"] + more["items"]}) == 50
    await system.client.delete(f"{PATH}/{more['items'][0]['id']}", headers=organizer.owner.headers)
    await create(system, organizer)


async def test_event_types_are_what_events_may_hold(system: System, organizer: Organizer) -> None:
    member = await system.person(organizer.tenant_id, Role.MEMBER)
    told = (await system.client.get(f"{PATH}/event-types", headers=member.headers)).json()
    assert told["filters"] == known_filters()
    assert "order.placed" in told["types"]
    assert "order.*" in told["groups"]
    assert (await create(system, organizer, events=told["filters"]))["events"] == told["filters"]


async def test_another_tenants_webhook_is_like_none(system: System, organizer: Organizer, other: Organizer) -> None:
    made = await create(system, organizer)
    ping = await system.client.post(f"{PATH}/{made['id']}/ping", headers=organizer.owner.headers)
    mine = await create(system, other)
    since = {"since": "2026-01-01T00:00:00Z"}
    delivery = ping.json()["delivery_id"]
    for webhook_id in (made["id"], str(uuid4())):
        for method, tail, body in (
            *(("GET", "", None), ("PATCH", "", {"description": "x"}), ("DELETE", "", None)),
            *(("POST", "/rotate-secret", {}), ("POST", "/enable", None), ("POST", "/ping", None)),
            *(("GET", "/deliveries", None), ("GET", f"/deliveries/{delivery}", None), ("POST", "/replay", since)),
            ("POST", f"/deliveries/{delivery}/replay", None),
        ):
            path = f"{PATH}/{webhook_id}{tail}"
            answer = await system.client.request(method, path, json=body, headers=other.owner.headers)
            assert answer.status_code == 404, path
    through_mine = f"{PATH}/{mine['id']}/deliveries/{delivery}"
    assert (await system.client.get(through_mine, headers=other.owner.headers)).status_code == 404
    assert (await system.client.post(f"{through_mine}/replay", headers=other.owner.headers)).status_code == 404
