"""What was sent, what came back, and sending it again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from itertools import chain, repeat
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.support.receiver import Receiver, answer, receiving
from tests.support.system import Organizer, System
from tests.support.webhooks import Hooks, an_event, hooking


@pytest.fixture
async def hooks(system: System) -> AsyncGenerator[Hooks]:
    async with hooking(system) as hooks:
        yield hooks


def failing_first(times: int) -> Iterator[bytes]:
    return chain(repeat(answer(400, "nö".encode(), X_Request_ID="theirs"), times), repeat(answer(200, b"ok")))


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    answers = failing_first(1)
    async with receiving(lambda _: next(answers)) as receiver:
        yield receiver


async def get(system: System, organizer: Organizer, path: str, **parameters: str) -> dict[str, Any]:
    shown = await system.client.get(path, params=parameters, headers=organizer.owner.headers)
    assert shown.status_code == 200, shown.text
    told: dict[str, Any] = shown.json()
    return told


async def test_a_ping_is_sent_and_its_delivery_tells_what_came_of_it(
    system: System, hooks: Hooks, organizer: Organizer
) -> None:
    async with receiving(lambda _: answer(200, b"pong")) as receiver:
        webhook = await hooks.create(organizer.tenant_id, receiver.url, "order.*")
        path = f"/api/v1/webhooks/{webhook.id}"
        sent = organizer.owner.headers | {"X-Request-ID": "ping-1"}
        queued = await system.client.post(f"{path}/ping", headers=sent)
        assert queued.status_code == 202
        assert (await get(system, organizer, queued.headers["location"]))["status"] == "pending"
        await hooks.turn(organizer.tenant_id)

    (got,) = receiver.got
    payload = got.verified_by(webhook.secret)
    told = await get(system, organizer, queued.headers["location"])
    assert isinstance(payload, dict)
    assert (payload["type"], payload["request_id"], payload["data"]) == ("webhook.ping", "ping-1", {})
    assert got.headers["x-request-id"] == "ping-1"
    assert orjson.loads(told["body"]) == payload
    assert (told["status"], told["attempts"], told["last_status_code"]) == ("delivered", 1, 200)
    assert (told["next_attempt_at"], told["message_id"]) == (None, got.headers["webhook-id"])
    assert [(one["status_code"], one["error"], one["response_body"]) for one in told["log"]] == [(200, None, "pong")]


async def test_the_log_holds_every_attempt_with_what_was_answered(
    system: System, hooks: Hooks, organizer: Organizer, receiver: Receiver
) -> None:
    webhook = await hooks.create(organizer.tenant_id, receiver.url)
    await hooks.publish(an_event(organizer.tenant_id))
    await hooks.turn(organizer.tenant_id)
    hooks.clock.move(minutes=1)
    await hooks.turn(organizer.tenant_id)

    path = f"/api/v1/webhooks/{webhook.id}/deliveries"
    (listed,) = (await get(system, organizer, path))["items"]
    told = await get(system, organizer, f"{path}/{listed['id']}")

    assert [(one["status_code"], one["response_body"]) for one in told["log"]] == [(400, "nö"), (200, "ok")]
    assert told["log"][0]["response_headers"] == [["x-request-id", "theirs"]]
    assert {name: told[name] for name in listed} == listed


async def test_deliveries_are_listed_by_status_newest_first_and_in_pages(
    system: System, hooks: Hooks, organizer: Organizer, receiver: Receiver
) -> None:
    webhook = await hooks.create(organizer.tenant_id, receiver.url)
    stream = uuid4()
    await hooks.publish(*(an_event(organizer.tenant_id, stream_id=stream, version=n) for n in range(1, 6)))
    await hooks.turn(organizer.tenant_id)
    await hooks.turn(organizer.tenant_id)
    path = f"/api/v1/webhooks/{webhook.id}/deliveries"

    async def sequences(**parameters: str) -> list[int]:
        return [item["sequence"] for item in (await get(system, organizer, path, **parameters))["items"]]

    assert await sequences() == [5, 4, 3, 2, 1]
    assert await sequences(status="delivered") == [2]
    assert await sequences(status="pending") == [5, 4, 3, 1]
    assert await sequences(status="failed") == []
    first = await get(system, organizer, path, limit="3", status="pending")
    assert await sequences(limit="3", status="pending", cursor=first["next_cursor"]) == [1]
    refused = await system.client.get(
        path, params={"cursor": first["next_cursor"], "limit": "3"}, headers=organizer.owner.headers
    )
    assert refused.json()["code"] == "invalid_cursor"


async def test_a_replay_is_the_same_message_under_the_same_id(
    system: System, hooks: Hooks, organizer: Organizer, receiver: Receiver
) -> None:
    webhook = await hooks.create(organizer.tenant_id, receiver.url)
    await hooks.publish(an_event(organizer.tenant_id))
    await hooks.turn(organizer.tenant_id)
    path = f"/api/v1/webhooks/{webhook.id}/deliveries"
    (first,) = (await get(system, organizer, path))["items"]

    again = [
        await system.client.post(f"{path}/{first['id']}/replay", headers=organizer.owner.headers) for _ in range(2)
    ]
    assert [one.status_code for one in again] == [202, 202]
    while await hooks.turn(organizer.tenant_id):
        pass

    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1
    assert len(receiver.got) == 3
    replays = [await get(system, organizer, one.headers["location"]) for one in again]
    assert [(one["replay"], one["status"]) for one in replays] == [(1, "delivered"), (2, "delivered")]


async def test_what_failed_or_was_cancelled_since_then_is_sent_again_once(
    system: System, hooks: Hooks, organizer: Organizer
) -> None:
    gone = [answer(410)]
    async with receiving(lambda _: gone[0]) as receiver:
        webhook = await hooks.create(organizer.tenant_id, receiver.url)
        stream = uuid4()
        await hooks.publish(*(an_event(organizer.tenant_id, stream_id=stream, version=n) for n in (1, 2, 3)))
        await hooks.turn(organizer.tenant_id)
        gone[0] = answer(204)
        path, headers = f"/api/v1/webhooks/{webhook.id}", organizer.owner.headers
        await system.client.post(f"{path}/enable", headers=headers)

        async def replay(since: str) -> dict[str, Any]:
            answered = await system.client.post(f"{path}/replay", json={"since": since}, headers=headers)
            told: dict[str, Any] = answered.json()
            return told

        assert await replay("2999-01-01T00:00:00Z") == {"queued": 0, "more": False}
        assert await replay("2020-01-01T00:00:00Z") == {"queued": 3, "more": False}
        assert await replay("2020-01-01T00:00:00Z") == {"queued": 0, "more": False}
        while await hooks.turn(organizer.tenant_id):
            pass

    assert [orjson.loads(got.body)["sequence"] for got in receiver.got] == [1, 1, 2, 3]


async def test_a_replay_with_a_key_is_one_replay(system: System, hooks: Hooks, organizer: Organizer) -> None:
    webhook = await hooks.create(organizer.tenant_id, "http://127.0.0.1:9/")
    keyed = organizer.owner.headers | {"Idempotency-Key": uuid4().hex}
    one, two = [await system.client.post(f"/api/v1/webhooks/{webhook.id}/ping", headers=keyed) for _ in range(2)]
    assert (one.content, two.headers["idempotency-replayed"]) == (two.content, "true")
    assert len(await hooks.deliveries(organizer.tenant_id)) == 1
