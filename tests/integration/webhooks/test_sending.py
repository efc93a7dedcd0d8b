"""From an event to a receiver on this machine, and what becomes of it when the receiver says no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import uuid4

import orjson
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from app.application.webhooks.commands.enable_webhook import EnableWebhook
from app.application.webhooks.commands.rotate_secret import RotateSecret
from app.infrastructure.messaging.lanes import LaneRunner
from app.shared.tenant_context import system_context
from tests.support.owner import rows, value
from tests.support.receiver import NEVER, Received, Receiver, answer, receiving
from tests.support.system import Organizer, System
from tests.support.webhooks import Hooks, an_event, hooking


@pytest.fixture
async def hooks(system: System) -> AsyncGenerator[Hooks]:
    async with hooking(system) as hooks:
        yield hooks


async def test_an_event_reaches_the_receiver_signed_and_with_its_request_id(hooks: Hooks, organizer: Organizer) -> None:
    async with receiving() as receiver:
        webhook = await hooks.create(organizer.tenant_id, receiver.url, "order.*")
        event = an_event(organizer.tenant_id, version=3)
        await hooks.publish(event, an_event(organizer.tenant_id, type="product.changed"))

        assert await hooks.turn(organizer.tenant_id) == 1

    (got,) = receiver.got
    assert got.target == "/hooks"
    assert got.headers["webhook-id"] == str(event.id)
    assert got.headers["x-request-id"] == event.request_id
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.verified_by(webhook.secret) == {
        "id": str(event.id),
        "type": "order.placed",
        "timestamp": orjson.loads(orjson.dumps(event.occurred_at, option=orjson.OPT_UTC_Z)),
        "request_id": event.request_id,
        "tenant_id": str(organizer.tenant_id),
        "object": {"kind": "order", "id": str(event.stream_id)},
        "sequence": 3,
        "data": {"number": "HT-ABCDE-12345"},
    }
    assert await hooks.deliveries(organizer.tenant_id) == [("order.placed", 3, "delivered", 1)]
    assert await hooks.log(organizer.tenant_id) == [(204, None)]


async def test_a_changed_body_or_a_foreign_secret_does_not_verify(
    hooks: Hooks, organizer: Organizer, other: Organizer
) -> None:
    async with receiving() as receiver:
        mine = await hooks.create(organizer.tenant_id, receiver.url)
        theirs = await hooks.create(other.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)

    (got,) = receiver.got
    changed = Received(got.target, got.headers, got.body.replace(b"HT-", b"XX-"))
    with pytest.raises(WebhookVerificationError):
        changed.verified_by(mine.secret)
    with pytest.raises(WebhookVerificationError):
        got.verified_by(theirs.secret)


async def test_while_a_secret_rotates_both_verify_and_afterwards_only_the_new_one(
    hooks: Hooks, organizer: Organizer
) -> None:
    async with receiving() as receiver:
        old = await hooks.create(organizer.tenant_id, receiver.url)
        rotate = RotateSecret(webhook_id=old.id, overlap=timedelta(hours=1))
        new = await hooks.bus.send(rotate, system_context(organizer.tenant_id, "test"))
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)
        during = receiver.got[-1]
        assert old.secret != new.secret
        assert during.verified_by(old.secret) == during.verified_by(new.secret)

        hooks.clock.move(hours=1)
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)

    after = receiver.got[-1]
    assert len(after.headers["webhook-signature"].split(" ")) == 1
    with pytest.raises(WebhookVerificationError):
        after.verified_by(old.secret)


async def test_a_failure_is_tried_again_under_the_same_id_with_the_same_body(
    hooks: Hooks, organizer: Organizer
) -> None:
    answers = iter([answer(500, b"out of order"), answer(200)])
    async with receiving(lambda _: next(answers)) as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)
        assert await hooks.turn(organizer.tenant_id) == 0
        hooks.clock.move(seconds=6)
        assert await hooks.turn(organizer.tenant_id) == 1

    first, second = receiver.got
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert await hooks.deliveries(organizer.tenant_id) == [("order.placed", 1, "delivered", 2)]
    assert await hooks.log(organizer.tenant_id) == [(500, None), (200, None)]


async def test_retry_after_prolongs_the_wait(hooks: Hooks, organizer: Organizer) -> None:
    async with receiving(lambda _: answer(503, Retry_After="120")) as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)
        hooks.clock.move(seconds=100)
        assert await hooks.turn(organizer.tenant_id) == 0
        hooks.clock.move(seconds=21)
        assert await hooks.turn(organizer.tenant_id) == 1


async def test_gone_disables_the_endpoint_and_cancels_what_waits(
    hooks: Hooks, system: System, organizer: Organizer
) -> None:
    async with receiving(lambda _: answer(410)) as receiver:
        webhook = await hooks.create(organizer.tenant_id, receiver.url)
        stream = uuid4()
        events = [an_event(organizer.tenant_id, stream_id=stream, version=n) for n in (1, 2, 3)]
        await hooks.publish(*events)
        await hooks.turn(organizer.tenant_id)
        await hooks.publish(an_event(organizer.tenant_id))

        assert await hooks.turn(organizer.tenant_id) == 0

    assert [row[2] for row in await hooks.deliveries(organizer.tenant_id)] == ["failed", "cancelled", "cancelled"]
    shown = await system.client.get(f"/api/v1/webhooks/{webhook.id}", headers=organizer.owner.headers)
    assert (shown.json()["status"], shown.json()["disabled_reason"]) == ("disabled", "gone_410")
    told = "SELECT type, data, metadata ->> 'request_id' FROM events WHERE stream_id = $1 AND version = 2"
    ((type_, data, request_id),) = await rows(system, told, webhook.id)
    assert (type_, orjson.loads(data)["reason"]) == ("webhook_endpoint.disabled", "gone_410")
    assert request_id == events[0].request_id


async def test_no_event_of_an_endpoint_holds_its_secret_or_url(
    hooks: Hooks, system: System, organizer: Organizer
) -> None:
    webhook = await hooks.create(organizer.tenant_id, "http://127.0.0.1:9/secret-path")
    rotate = RotateSecret(webhook_id=webhook.id, overlap=timedelta(hours=1))
    rotated = await hooks.bus.send(rotate, system_context(organizer.tenant_id, "test"))

    told = await rows(system, "SELECT data::text FROM events WHERE stream_id = $1", webhook.id)
    dump = await value(system, "SELECT to_jsonb(e)::text FROM webhook_endpoints e WHERE id = $1", webhook.id)
    assert len(told) == 2
    for secret in (webhook.secret, rotated.secret, webhook.secret.removeprefix("whsec_")):
        assert secret not in str(told) + dump
        assert secret.encode().hex() not in dump
    assert "secret-path" not in str(told)


async def test_of_one_object_the_later_event_waits_until_the_earlier_was_tried(
    hooks: Hooks, organizer: Organizer
) -> None:
    answers = iter([answer(500), answer(200), answer(200), answer(200)])
    async with receiving(lambda _: next(answers)) as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        one, two = uuid4(), uuid4()
        for stream, version in ((one, 1), (one, 2), (two, 1)):
            await hooks.publish(an_event(organizer.tenant_id, stream_id=stream, version=version))

        assert await hooks.turn(organizer.tenant_id) == 2
        assert await hooks.turn(organizer.tenant_id) == 1

    tried = [(orjson.loads(got.body)["object"]["id"], orjson.loads(got.body)["sequence"]) for got in receiver.got]
    assert tried == [(str(one), 1), (str(two), 1), (str(one), 2)]


async def test_while_the_earlier_event_is_under_way_the_later_waits(hooks: Hooks, organizer: Organizer) -> None:
    async with receiving() as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        stream = uuid4()
        await hooks.publish(*(an_event(organizer.tenant_id, stream_id=stream, version=n) for n in (1, 2)))
        (first,) = [c for c in await hooks.sender.claim(500, ()) if c.tenant_id == organizer.tenant_id]

        assert await hooks.turn(organizer.tenant_id) == 0

        await hooks.sender.send(first)
        assert await hooks.turn(organizer.tenant_id) == 1
    assert [orjson.loads(got.body)["sequence"] for got in receiver.got] == [1, 2]


async def test_a_claim_of_a_process_that_died_runs_out_and_is_sent_again_under_the_same_id(
    hooks: Hooks, organizer: Organizer
) -> None:
    """The process dies after the receiver got it and before that was written down."""
    async with receiving() as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        event = an_event(organizer.tenant_id)
        await hooks.publish(event)
        (claim,) = [c for c in await hooks.sender.claim(500, ()) if c.tenant_id == organizer.tenant_id]
        hooks.sender.mediator, mediator = _Dead(), hooks.sender.mediator  # type: ignore[assignment]
        with pytest.raises(ConnectionError):
            await hooks.sender.send(claim)
        hooks.sender.mediator = mediator
        assert await hooks.turn(organizer.tenant_id) == 0

        hooks.clock.move(seconds=36)
        assert await hooks.turn(organizer.tenant_id) == 1

    assert [got.headers["webhook-id"] for got in receiver.got] == [str(event.id)] * 2
    assert await hooks.deliveries(organizer.tenant_id) == [("order.placed", 1, "delivered", 1)]


class _Dead:
    async def send(self, *_: object) -> None:
        raise ConnectionError


async def test_after_five_failures_one_probe_at_a_time_goes_out_until_one_succeeds(
    hooks: Hooks, organizer: Organizer
) -> None:
    healthy = False
    async with receiving(lambda _: answer(200 if healthy else 500)) as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(*(an_event(organizer.tenant_id) for _ in range(9)))
        assert await hooks.turn(organizer.tenant_id) == 6
        assert await hooks.turn(organizer.tenant_id) == 0

        hooks.clock.move(seconds=61)
        assert await hooks.turn(organizer.tenant_id) == 1
        assert await hooks.turn(organizer.tenant_id) == 0

        healthy = True
        hooks.clock.move(minutes=16)
        assert await hooks.turn(organizer.tenant_id) == 1
        assert await hooks.turn(organizer.tenant_id) >= 2


async def test_two_processes_send_one_probe_between_them(hooks: Hooks, system: System, organizer: Organizer) -> None:
    async with receiving(lambda _: answer(500)) as receiver, hooking(system) as others:
        await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(*(an_event(organizer.tenant_id) for _ in range(12)))
        await hooks.turn(organizer.tenant_id)
        for process in (hooks, others):
            process.clock.move(minutes=16)

        claims = await asyncio.gather(*(process.sender.claim(500, ()) for process in (hooks, others) * 3))

    assert sum(claim.tenant_id == organizer.tenant_id for found in claims for claim in found) == 1


async def test_an_endpoint_that_failed_for_five_days_is_disabled_and_can_be_enabled_again(
    hooks: Hooks, system: System, organizer: Organizer
) -> None:
    async with receiving(lambda _: answer(500)) as receiver:
        webhook = await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id), an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)
        hooks.clock.move(days=5, seconds=1)
        await hooks.turn(organizer.tenant_id)

    path = f"/api/v1/webhooks/{webhook.id}"
    shown = (await system.client.get(path, headers=organizer.owner.headers)).json()
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "failing_for_days")
    again = await hooks.bus.send(EnableWebhook(webhook_id=webhook.id), system_context(organizer.tenant_id, "test"))
    assert (again.status, again.disabled_reason) == ("active", None)
    sql = "SELECT failures, failing_since, open_until FROM webhook_endpoints WHERE id = $1"
    assert await rows(system, sql, webhook.id) == [(0, None, None)]


async def test_what_failed_ten_times_is_given_up(hooks: Hooks, organizer: Organizer) -> None:
    async with receiving(lambda _: answer(500)) as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id))
        tries = await hooks.turn(organizer.tenant_id)
        for wait in (6, 331, 1_981, 7_921, 19_801, 39_601, 55_441, 79_201, 95_041):
            hooks.clock.move(seconds=wait)
            tries += await hooks.turn(organizer.tenant_id)

    assert tries == len(receiver.got) == 10
    assert await hooks.deliveries(organizer.tenant_id) == [("order.placed", 1, "failed", 10)]


async def test_a_receiver_that_never_answers_takes_no_longer_than_the_time_out(
    system: System, organizer: Organizer
) -> None:
    async with receiving(lambda _: NEVER) as receiver, hooking(system, seconds=0.2) as hooks:
        await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)

        assert await hooks.log(organizer.tenant_id) == [(None, "timeout")]


async def test_of_a_long_answer_the_beginning_is_kept(hooks: Hooks, system: System, organizer: Organizer) -> None:
    long = answer(200, b"\x00\xff" + b"x" * 200_000, Server="test", Set_Cookie="a=b")
    async with receiving(lambda _: long) as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)

    sql = "SELECT response_body, response_headers FROM webhook_attempts WHERE tenant_id = $1"
    ((body, headers),) = await rows(system, sql, organizer.tenant_id)
    assert (len(body), body[:3]) == (10_240, b"\x00\xffx")
    assert orjson.loads(headers) == [["server", "test"]]


async def test_a_hanging_endpoint_holds_up_no_other(system: System, organizer: Organizer, other: Organizer) -> None:
    """Fifty messages for the one that hangs, then one for the healthy one; the runner is the real one."""
    async with receiving(lambda _: NEVER) as hanging, receiving() as healthy, hooking(system, seconds=60) as hooks:
        await hooks.create(organizer.tenant_id, hanging.url)
        await hooks.create(other.tenant_id, healthy.url)
        await hooks.publish(*(an_event(organizer.tenant_id) for _ in range(50)))
        runner = LaneRunner(hooks.sender, per_lane=6)
        running = asyncio.create_task(runner.run())
        await hanging.has(6)
        await hooks.publish(an_event(other.tenant_id))
        runner.wake()

        await healthy.has(1)

        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(hanging.got) == 6


async def test_a_paused_or_deleted_endpoint_is_not_called(hooks: Hooks, system: System, organizer: Organizer) -> None:
    async with receiving() as receiver:
        paused = await hooks.create(organizer.tenant_id, receiver.url)
        deleted = await hooks.create(organizer.tenant_id, receiver.url)
        await hooks.publish(an_event(organizer.tenant_id))
        headers = organizer.owner.headers
        path = f"/api/v1/webhooks/{paused.id}"
        await system.client.patch(path, json={"status": "paused"}, headers=headers)
        await system.client.delete(f"/api/v1/webhooks/{deleted.id}", headers=headers)
        await hooks.publish(an_event(organizer.tenant_id))
        assert await hooks.turn(organizer.tenant_id) == 0

        await system.client.patch(path, json={"status": "active"}, headers=headers)
        assert await hooks.turn(organizer.tenant_id) == 1

    assert sorted(row[2] for row in await hooks.deliveries(organizer.tenant_id)) == ["cancelled", "delivered"]


async def test_an_event_that_comes_twice_is_in_line_once(hooks: Hooks, organizer: Organizer) -> None:
    await hooks.create(organizer.tenant_id, "http://127.0.0.1:9/")
    event = an_event(organizer.tenant_id)
    await hooks.publish(event)
    await hooks.publish(event, event)

    assert len(await hooks.deliveries(organizer.tenant_id)) == 1


async def test_internal_events_are_never_in_line(hooks: Hooks, organizer: Organizer) -> None:
    await hooks.create(organizer.tenant_id, "http://127.0.0.1:9/")
    for type_ in ("session.opened", "webhook_endpoint.created", "message.sent", "account.registered"):
        await hooks.publish(an_event(organizer.tenant_id, type=type_))

    assert await hooks.deliveries(organizer.tenant_id) == []


async def test_a_secret_that_can_not_be_opened_is_told_in_the_log(
    hooks: Hooks, system: System, organizer: Organizer, owner: object
) -> None:
    async with receiving() as receiver:
        webhook = await hooks.create(organizer.tenant_id, receiver.url)
        await owner.execute("UPDATE webhook_endpoints SET secret = '\\x00' WHERE id = $1", webhook.id)  # type: ignore[attr-defined]
        await hooks.publish(an_event(organizer.tenant_id))
        await hooks.turn(organizer.tenant_id)

    assert await hooks.log(organizer.tenant_id) == [(None, "secret_unreadable")]
    assert receiver.connections == 0


async def test_the_runner_is_woken_by_the_signal(hooks: Hooks, organizer: Organizer) -> None:
    receiver: Receiver
    async with receiving() as receiver:
        await hooks.create(organizer.tenant_id, receiver.url)
        runner = LaneRunner(hooks.sender, every=60)
        running = asyncio.create_task(runner.run())
        await hooks.publish(an_event(organizer.tenant_id))
        runner.wake()
        await receiver.has(1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
