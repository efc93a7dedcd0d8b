"""The queue of messages: fair over tenants, limited per hour, tried again, recorded once."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.application.notifications.ports import Undelivered
from app.application.signals import Signals, Topic
from app.container import SystemClock, TimeOrderedIds
from app.domain.notifications.message import Channel, MessageStatus
from app.domain.notifications.retries import MOST_ATTEMPTS
from app.domain.notifications.suppression import SuppressionId
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.messaging.lanes import LaneRunner
from app.infrastructure.notifications.clean_up import clean_up_messages
from app.infrastructure.notifications.repository import SqlSuppressionRepository
from app.infrastructure.notifications.sending import MessageSending
from app.shared.errors import ConcurrentChange
from tests.support.messages import (
    FakeMail,
    FakeSms,
    claimed_of,
    messages_of,
    outgoing,
    queue_many,
    queue_message,
    sent_message,
    settled,
    suppression,
)
from tests.support.system import Organizer, System

PATIENCE = 30


async def until(true: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 — a row is waited for, nobody could set an event
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
async def empty_queue(owner: asyncpg.Connection) -> None:
    """What earlier tests left waiting would be counted here."""
    await owner.execute("DELETE FROM outgoing_messages WHERE status = 'queued'")


async def state_of(system: System, organizer: Organizer) -> dict[str, Any]:
    return (await messages_of(system, organizer.tenant_id))[-1]


async def lease_runs_out(owner: asyncpg.Connection, tenant_id: UUID) -> None:
    await owner.execute(
        "UPDATE outgoing_messages SET leased_until = now(), next_attempt_at = now() WHERE tenant_id = $1", tenant_id
    )


async def test_what_is_queued_is_sent_and_recorded(system: System, organizer: Organizer) -> None:
    message_id = await queue_message(system, organizer)
    gateway = FakeMail()
    queue = outgoing(system, gateway)

    (claimed,) = await claimed_of(queue, organizer.tenant_id)
    await queue.send(claimed)

    message = await state_of(system, organizer)
    assert (message["status"], message["attempts"], message["leased_until"]) == ("sent", 1, None)
    assert message["provider_id"] == f"fake-{message_id.hex}.0"
    assert message["sent_at"] is not None
    assert [(mail.to, mail.sender_name) for mail in gateway.sent] == [(organizer.owner.email, organizer.slug)]
    assert await claimed_of(queue, organizer.tenant_id) == []


async def test_what_is_claimed_is_nobody_elses_until_its_lease_runs_out(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    await queue_many(system, organizer.tenant_id, 40)
    queues = [outgoing(system, FakeMail()) for _ in range(5)]

    claims = await asyncio.gather(*(claimed_of(queue, organizer.tenant_id) for queue in queues))

    assert sorted(Counter(item.id for claim in claims for item in claim).values()) == [1] * 40
    await lease_runs_out(owner, organizer.tenant_id)
    again = await claimed_of(queues[0], organizer.tenant_id)
    assert (len(again), {item.attempts for item in again}) == (40, {2})


async def test_a_crash_between_sending_and_recording_sends_the_same_mail_again_and_records_it_once(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    await queue_message(system, organizer)
    gateway = FakeMail()

    async def crash(*_: object) -> None:
        raise KeyboardInterrupt

    doomed = outgoing(system, gateway)
    doomed._settle = crash
    (claimed,) = await claimed_of(doomed, organizer.tenant_id)
    with pytest.raises(KeyboardInterrupt):
        await doomed.send(claimed)
    assert (await state_of(system, organizer))["status"] == "queued"
    await lease_runs_out(owner, organizer.tenant_id)

    next_one = outgoing(system, gateway)
    (repeated,) = await claimed_of(next_one, organizer.tenant_id)
    await next_one.send(repeated)
    await next_one.send(repeated)  # a rival whose lease ran out while it was sending

    assert len(gateway.sent) == 3
    assert len({mail.name for mail in gateway.sent}) == 1
    message = await state_of(system, organizer)
    assert (message["status"], message["attempts"]) == ("sent", 2)
    assert await events(owner, organizer) == ["message.queued", "message.sent"]


async def events(owner: asyncpg.Connection, organizer: Organizer) -> list[str]:
    rows = await owner.fetch(
        "SELECT type FROM events WHERE tenant_id = $1 AND stream IN ('message', 'suppression') "
        "ORDER BY occurred_at, version",
        organizer.tenant_id,
    )
    return [row["type"] for row in rows]


async def test_ten_thousand_mails_of_one_tenant_do_not_delay_anothers_one(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    await queue_many(system, organizer.tenant_id, 10_000)
    await queue_many(system, other.tenant_id, 1)
    queue = outgoing(system, FakeMail())

    first = await queue.claim(64, ())

    assert Counter(item.tenant_id for item in first) == {organizer.tenant_id: 8, other.tenant_id: 1}
    assert other.tenant_id in {item.tenant_id for item in first[:2]}


async def test_a_runner_sends_anothers_mail_before_more_than_a_lane_of_the_flood(
    system: System, organizer: Organizer, other: Organizer
) -> None:
    """The gateway hangs for the flooding tenant: everyone else's mail goes out meanwhile."""
    await queue_many(system, organizer.tenant_id, 1_000)
    hung = asyncio.Event()

    class HangsForOne(FakeMail):
        async def send(self, mail: Any) -> str:
            if mail.subject.startswith("Subject"):
                await hung.wait()
            return await super().send(mail)

    gateway = HangsForOne()
    runner = LaneRunner(outgoing(system, gateway))
    running = asyncio.create_task(runner.run())
    try:
        await queue_message(system, other)
        runner.wake()
        await until(lambda: _is(system, other, "sent"))
        assert [mail.to for mail in gateway.sent] == [other.owner.email]
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _is(system: System, organizer: Organizer, status: str) -> bool:
    return bool((await state_of(system, organizer))["status"] == status)


async def test_full_lanes_are_left_alone(system: System, organizer: Organizer, other: Organizer) -> None:
    for tenant in (organizer, other):
        await queue_many(system, tenant.tenant_id, 3)

    claimed = await outgoing(system, FakeMail()).claim(64, [organizer.tenant_id])

    assert {item.tenant_id for item in claimed} == {other.tenant_id}


async def test_over_its_hourly_limit_a_tenant_waits_and_loses_nothing(
    system: System, organizer: Organizer, other: Organizer, owner: asyncpg.Connection
) -> None:
    await queue_many(system, organizer.tenant_id, 25)
    await queue_many(system, other.tenant_id, 5)
    queues = [outgoing(system, FakeMail(), per_hour=10) for _ in range(4)]

    claims = await asyncio.gather(*(claimed_of(queue, organizer.tenant_id) for queue in queues))

    assert sum(len(claim) for claim in claims) == 10
    assert await owner.fetchval("SELECT used FROM message_quotas WHERE tenant_id = $1", other.tenant_id) == 5
    an_hour_on = "UPDATE message_quotas SET hour = hour - interval '1 hour' WHERE tenant_id = $1"
    for expected in (10, 5, 0):
        await owner.execute(an_hour_on, organizer.tenant_id)
        assert len(await claimed_of(queues[0], organizer.tenant_id)) == expected


async def test_channels_have_limits_and_queues_of_their_own(system: System, organizer: Organizer) -> None:
    await queue_many(system, organizer.tenant_id, 3)
    await queue_many(system, organizer.tenant_id, 2, Channel.SMS)
    texts = FakeSms()
    sms = outgoing(system, texts, channel=Channel.SMS, per_hour=1)

    claimed = await claimed_of(sms, organizer.tenant_id)
    for item in claimed:
        await sms.send(item)

    assert [text.text for text in texts.sent] == ["text"]
    assert len(await claimed_of(outgoing(system, FakeMail()), organizer.tenant_id)) == 3


async def test_a_temporary_failure_is_tried_again_later(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    await queue_message(system, organizer)
    gateway = FakeMail(faults=[Undelivered("421 later"), Undelivered("429", retry_after=timedelta(hours=2))])
    queue = outgoing(system, gateway)

    for least in (timedelta(seconds=4), timedelta(hours=2)):
        (claimed,) = await claimed_of(queue, organizer.tenant_id)
        before = datetime.now(UTC)
        await queue.send(claimed)
        message = await state_of(system, organizer)
        assert (message["status"], message["leased_until"]) == ("queued", None)
        assert message["next_attempt_at"] >= before + least
        assert await claimed_of(queue, organizer.tenant_id) == []
        await lease_runs_out(owner, organizer.tenant_id)
    assert message["last_error"] == "429"
    (claimed,) = await claimed_of(queue, organizer.tenant_id)
    await queue.send(claimed)
    message = await state_of(system, organizer)
    assert (message["status"], message["attempts"], message["last_error"]) == ("sent", 3, None)


async def test_after_three_days_of_failures_it_is_given_up(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    await queue_message(system, organizer)
    await owner.execute(
        "UPDATE outgoing_messages SET attempts = $2 WHERE tenant_id = $1", organizer.tenant_id, MOST_ATTEMPTS - 1
    )
    queue = outgoing(system, FakeMail(faults=[Undelivered("421 still not")]))

    (claimed,) = await claimed_of(queue, organizer.tenant_id)
    await queue.send(claimed)

    message = await state_of(system, organizer)
    assert (message["status"], message["last_error"]) == ("failed", "421 still not")


@pytest.mark.parametrize("bad_address", [True, False])
async def test_a_bounce_suppresses_the_address_only_when_that_is_to_blame(
    system: System, organizer: Organizer, owner: asyncpg.Connection, *, bad_address: bool
) -> None:
    for _ in range(2):
        await queue_message(system, organizer)
    fault = Undelivered("550 no", permanent=True, bad_address=bad_address)
    gateway = FakeMail(faults=[fault])
    queue = outgoing(system, gateway)

    for claimed in await claimed_of(queue, organizer.tenant_id):
        await queue.send(claimed)

    statuses = [message["status"] for message in await messages_of(system, organizer.tenant_id)]
    assert statuses == ["bounced", "suppressed" if bad_address else "sent"]
    suppressed = await owner.fetch("SELECT * FROM suppressions WHERE tenant_id = $1", organizer.tenant_id)
    assert [row["address"] for row in suppressed] == [organizer.owner.email] * bad_address
    assert ("address.suppressed" in await events(owner, organizer)) == bad_address


async def test_a_second_bounce_of_an_address_changes_nothing(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    for _ in range(2):
        await queue_message(system, organizer)
    fault = Undelivered("550 no", bad_address=True)
    queue = outgoing(system, FakeMail(faults=[fault, fault]))

    async def at_once(*_: object) -> bool:
        return False

    queue._suppressed = at_once
    await asyncio.gather(*(queue.send(item) for item in await claimed_of(queue, organizer.tenant_id)))

    statuses = [message["status"] for message in await messages_of(system, organizer.tenant_id)]
    assert statuses == ["bounced", "bounced"]
    assert await owner.fetchval("SELECT count(*) FROM suppressions WHERE tenant_id = $1", organizer.tenant_id) == 1


async def test_a_suppression_that_somebody_else_removed_meanwhile_is_a_conflict(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    held = SuppressionId(await suppression(system, organizer))

    async def release() -> None:
        async with system.application.database.transaction(organizer.tenant_id) as connection:
            work = UnitOfWork(connection, organizer.tenant_id, TimeOrderedIds())
            repository = SqlSuppressionRepository(Scope(work, organizer.owner.context))
            (await repository.get(held)).release(now=SystemClock().now())
            await owner.execute("DELETE FROM suppressions WHERE tenant_id = $1", organizer.tenant_id)
            await work.flush(Writes(connection))

    with pytest.raises(ConcurrentChange):
        await release()


async def test_the_background_work_sends_when_it_is_told_of_a_message(system: System, organizer: Organizer) -> None:
    application = system.application
    signals: Signals = application.container.resolve(Signals)
    mails, texts = FakeMail(), FakeSms()
    sending = MessageSending(
        system.settings, application.database, application.mediator, SystemClock(), signals, mails, texts
    )
    running = asyncio.create_task(sending.run())
    try:
        await queue_message(system, organizer)
        signals.announce(Topic.MESSAGES)
        await until(lambda: _is(system, organizer, "sent"))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await sending.close()
    assert organizer.owner.email in {mail.to for mail in mails.sent}


async def test_old_messages_are_cleared_away_but_none_that_waits(
    system: System, organizer: Organizer, owner: asyncpg.Connection
) -> None:
    await sent_message(system, organizer)
    await queue_message(system, organizer)
    await owner.execute(
        "UPDATE outgoing_messages SET created_at = now() - interval '31 days' WHERE tenant_id = $1",
        organizer.tenant_id,
    )
    young = await sent_message(system, organizer)

    assert await clean_up_messages(system.application.database, keep_days=32) == 0
    assert await clean_up_messages(system.application.database, keep_days=30) == 1
    left = await messages_of(system, organizer.tenant_id)
    assert [message["status"] for message in left] == ["queued", "sent"]
    assert left[-1]["id"] == young


async def test_the_worker_may_change_nothing_of_a_message_but_its_claim(system: System, organizer: Organizer) -> None:
    from app.domain.notifications.message import Outcome

    await settled(system, organizer, Outcome(status=MessageStatus.SENT))
    denied = asyncpg.InsufficientPrivilegeError
    for statement in (
        "UPDATE outgoing_messages SET recipient = 'eve@example.com'",
        "UPDATE outgoing_messages SET body_html = ''",
        "INSERT INTO outgoing_messages SELECT * FROM outgoing_messages",
        "SELECT * FROM suppressions",
        "SELECT * FROM branding",
    ):
        with pytest.raises(denied):
            async with system.application.database.transaction(None, role="worker") as connection:
                await connection.execute(statement)
    async with system.application.database.transaction(None, role="worker") as connection:
        seen = await connection.fetch("SELECT status FROM outgoing_messages WHERE tenant_id = $1", organizer.tenant_id)
    assert seen == []  # what is over and young is no business of it
