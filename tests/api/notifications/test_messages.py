"""Messages, suppressions and branding over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.application.tenancy.contracts import Role
from app.domain.notifications.message import MessageStatus, Outcome
from tests.support.messages import FakeMail, claimed_of, outgoing, queue_many, sent_message, settled, suppression
from tests.support.system import Organizer, System

BRANDING = "/api/v1/settings/branding"


async def get(system: System, organizer: Organizer, path: str, **parameters: str) -> httpx.Response:
    return await system.client.get(f"/api/v1{path}", params=parameters, headers=organizer.owner.headers)


async def post(system: System, organizer: Organizer, path: str, **headers: str) -> httpx.Response:
    return await system.client.post(f"/api/v1{path}", headers=organizer.owner.headers | headers)


async def patch(system: System, organizer: Organizer, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await system.client.patch(BRANDING, json=body, headers=organizer.owner.headers | headers)


async def test_a_test_mail_goes_to_whoever_asks_for_it(system: System, organizer: Organizer) -> None:
    made = await post(system, organizer, "/messages/test", **{"X-Request-ID": "the-test-of-a-test-mail"})

    assert made.status_code == 201
    message = made.json()
    assert (message["to"], message["status"], message["template"]) == (organizer.owner.email, "queued", "test")
    read = await system.client.get(made.headers["location"], headers=organizer.owner.headers)
    assert read.status_code == 200
    detail = read.json()
    assert organizer.slug in detail["text"]
    assert detail["html"].startswith("<!doctype html>")
    assert detail["request_id"] == "the-test-of-a-test-mail"


async def test_one_idempotency_key_makes_one_test_mail(system: System, organizer: Organizer) -> None:
    answers = [await post(system, organizer, "/messages/test", **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len((await get(system, organizer, "/messages")).json()["items"]) == 1


async def test_a_list_shows_no_bodies_and_is_filtered(system: System, organizer: Organizer) -> None:
    sent = await sent_message(system, organizer)
    await post(system, organizer, "/messages/test")

    everything = (await get(system, organizer, "/messages")).json()["items"]

    assert [message["status"] for message in everything] == ["queued", "sent"]
    assert not {"text", "html", "context"} & set(everything[0])
    assert [m["id"] for m in (await get(system, organizer, "/messages", status="sent")).json()["items"]] == [str(sent)]
    assert (await get(system, organizer, "/messages", channel="sms")).json()["items"] == []
    assert len((await get(system, organizer, "/messages", channel="mail", status="queued")).json()["items"]) == 1
    assert (await get(system, organizer, "/messages", status="lost")).status_code == 422


async def test_a_walk_meets_each_message_once(system: System, organizer: Organizer) -> None:
    await queue_many(system, organizer.tenant_id, 7)
    seen: list[str] = []
    parameters = {"limit": "3"}
    while True:
        page = (await get(system, organizer, "/messages", **parameters)).json()
        seen += [message["id"] for message in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert (len(seen), len(set(seen))) == (7, 7)


async def test_a_message_is_sent_once_more_as_another_mail(system: System, organizer: Organizer) -> None:
    message_id = await sent_message(system, organizer)
    again = await post(system, organizer, f"/messages/{message_id}/resend")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (200, "queued", 0)
    gateway = FakeMail()
    queue = outgoing(system, gateway)

    for claimed in await claimed_of(queue, organizer.tenant_id):
        await queue.send(claimed)

    assert [mail.name for mail in gateway.sent] == [f"{message_id.hex}.1"]


async def test_what_waits_is_not_sent_again(system: System, organizer: Organizer) -> None:
    made = await post(system, organizer, "/messages/test")
    refused = await post(system, organizer, f"/messages/{made.json()['id']}/resend")
    assert (refused.status_code, refused.json()["code"]) == (409, "message_state")
    assert refused.json()["message_status"] == "queued"


async def test_nothing_is_sent_to_a_suppressed_address_until_it_is_released(
    system: System, organizer: Organizer
) -> None:
    bad = Outcome(status=MessageStatus.BOUNCED, error="550 5.1.1 unknown", bad_address=True)
    message_id = await settled(system, organizer, bad)
    refused = await post(system, organizer, f"/messages/{message_id}/resend")
    assert (refused.status_code, refused.json()["code"]) == (409, "address_suppressed")
    (held,) = (await get(system, organizer, "/suppressions")).json()["items"]
    assert (held["address"], held["reason"]) == (organizer.owner.email, "550 5.1.1 unknown")
    assert (await get(system, organizer, f"/suppressions/{held['id']}")).json() == held

    released = await system.client.delete(f"/api/v1/suppressions/{held['id']}", headers=organizer.owner.headers)

    assert released.status_code == 204
    assert (await get(system, organizer, "/suppressions")).json()["items"] == []
    assert (await post(system, organizer, f"/messages/{message_id}/resend")).status_code == 200


async def test_what_does_not_exist_is_not_found(system: System, organizer: Organizer, other: Organizer) -> None:
    theirs = await sent_message(system, other)
    held = await suppression(system, other)
    for path, code in (("messages", "message_not_found"), ("suppressions", "suppression_not_found")):
        for id_ in (uuid4(), theirs if path == "messages" else held):
            answer = await get(system, organizer, f"/{path}/{id_}")
            assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert (await post(system, organizer, f"/messages/{theirs}/resend")).status_code == 404
    gone = await system.client.delete(f"/api/v1/suppressions/{held}", headers=organizer.owner.headers)
    assert gone.status_code == 404


async def test_a_superuser_who_belongs_elsewhere_has_no_address_here(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    visitor = await system.person(other.tenant_id, Role.ADMIN, is_superuser=True)
    headers = visitor.headers | {"X-Tenant-ID": organizer.slug}
    answer = await system.client.post("/api/v1/messages/test", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_own_address")


async def test_branding_begins_with_a_default_and_keeps_what_was_set(system: System, organizer: Organizer) -> None:
    begins = await get(system, organizer, "/settings/branding")
    assert begins.json() == {
        "sender_name": None, "reply_to": None, "logo_url": None, "accent_color": "#2456d6", "footer": "",
        "locale": "en", "version": 0,
    }  # fmt: skip
    look = {"sender_name": "Open Air", "logo_url": "https://example.com/a.png", "locale": "de"}

    first = await patch(system, organizer, look, **{"If-Match": begins.headers["etag"]})
    second = await patch(system, organizer, {"sender_name": None, "footer": " Hi "}, **{"If-Match": '"1"'})

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == begins.json() | look | {"sender_name": None, "footer": "Hi", "version": 2}
    assert (await get(system, organizer, "/settings/branding")).content == second.content
    same = await patch(system, organizer, {"footer": "Hi"})
    assert same.json()["version"] == 2


async def test_a_stale_look_is_not_written_over_a_newer_one(system: System, organizer: Organizer) -> None:
    await patch(system, organizer, {"footer": "one"})
    stale = await patch(system, organizer, {"footer": "two"}, **{"If-Match": '"0"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")


@pytest.mark.parametrize(
    "body",
    [
        {"accent_color": "red"},
        {"accent_color": "#12345"},
        {"accent_color": '#123456"'},
        {"accent_color": None},
        {"logo_url": "http://example.com/logo.png"},
        {"logo_url": "javascript:alert(1)"},
        {"logo_url": 'https://example.com/"onerror="x'},
        {"logo_url": "https://user:secret@example.com/logo.png"},
        {"logo_url": "https://[::1/logo.png"},
        {"logo_url": "https://example.com:99999/logo.png"},
        {"logo_url": "https://:443/logo.png"},
        {"reply_to": "nobody"},
        {"locale": "fr"},
        {"footer": "x" * 1_001},
        {"version": 7},
    ],
    ids=lambda body: str(body)[:40],
)
async def test_a_look_that_could_not_be_shown_is_refused(
    system: System, organizer: Organizer, body: dict[str, Any]
) -> None:
    assert (await patch(system, organizer, body)).status_code == 422
