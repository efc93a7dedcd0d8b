"""Policies: effect and inbox row are one transaction, and a message that fails keeps back nobody but itself."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest

from app.application.events import PublishedEvent
from app.application.sealing import SealBroken
from app.infrastructure.database.dispatch import Subscriber
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import runner
from app.infrastructure.messaging.transport import Message, Take
from app.shared.errors import ConcurrentChange, Unavailable
from tests.support.owner import rows, value
from tests.support.peers import Faults, Peer, a_message, effects, policy
from tests.support.system import System

pytestmark = pytest.mark.usefixtures("brisk")

DEAD = "SELECT subscriber, message_id, reason, tries FROM dead_letters ORDER BY died_at"


def take(database: Database, fault: Faults | None = None) -> Take:
    subscribers: Mapping[str, Subscriber] = policy() if fault is None else policy(fault=fault)
    return Peer(database, subscribers).runner.take_for("test", subscribers["test"])


def failing(*bad: Message, error: Exception | None = None) -> Faults:
    known = {message.event.id for message in bad}

    def fault(event: PublishedEvent) -> None:
        if event.id in known:
            raise error or RuntimeError("a word nobody should read")

    return fault


def of(*messages: Message) -> list[tuple[UUID, int]]:
    return [(message.event.stream_id, message.event.version) for message in messages]


async def test_effect_and_inbox_row_are_written_together(system: System, database: Database, tenant: UUID) -> None:
    message = a_message(tenant)

    await take(database)([message])

    assert await rows(system, "SELECT tenant_id, subscriber, message_id FROM inbox") == [
        (tenant, "test", message.event.id)
    ]
    assert await effects(database, tenant) == of(message)


@pytest.mark.parametrize("again", [1, 3])
async def test_what_was_taken_before_does_nothing_again(database: Database, tenant: UUID, again: int) -> None:
    messages = [a_message(tenant) for _ in range(3)]
    own = take(database)
    await own(messages)

    for _ in range(again):
        await own([*messages, *messages])

    assert await effects(database, tenant) == of(*messages)


async def test_a_subscriber_has_an_inbox_of_its_own(database: Database, tenant: UUID) -> None:
    message, subscribers = a_message(tenant), {**policy("one"), **policy("two")}
    hands = Peer(database, subscribers).runner

    for name in ("one", "two"):
        await hands.take_for(name, subscribers[name])([message])

    assert await effects(database, tenant, "one") == await effects(database, tenant, "two") == of(message)


async def test_a_policy_that_fails_after_it_wrote_leaves_nothing(
    system: System, database: Database, tenant: UUID
) -> None:
    message = a_message(tenant)

    await take(database, failing(message))([message])

    assert await effects(database, tenant) == []
    assert await value(system, "SELECT count(*) FROM inbox") == 0


async def test_a_message_that_fails_is_buried_and_the_others_of_its_batch_take_effect(
    system: System, database: Database, tenant: UUID
) -> None:
    batch, bystander = [a_message(tenant) for _ in range(5)], a_message(uuid4())

    await take(database, failing(batch[2]))([*batch, bystander])

    assert await effects(database, tenant) == of(*batch[:2], *batch[3:])
    assert await effects(database, bystander.event.tenant_id) == of(bystander)
    assert await rows(system, DEAD) == [("test", batch[2].event.id, "RuntimeError", runner.TRIES)]


async def test_an_expected_failure_is_told_in_its_own_words(system: System, database: Database, tenant: UUID) -> None:
    message = a_message(tenant)

    await take(database, failing(message, error=ConcurrentChange("Somebody was first.")))([message])

    ((_, _, reason, _),) = await rows(system, DEAD)
    assert reason == "concurrent_change: Somebody was first."


async def test_what_fails_for_a_while_takes_effect_once(system: System, database: Database, tenant: UUID) -> None:
    message, left = a_message(tenant), [1] * (runner.TRIES - 1)

    def fault(_: PublishedEvent) -> None:
        if left:
            left.pop()
            raise RuntimeError("not yet")

    await take(database, fault)([message])

    assert await effects(database, tenant) == of(message)
    assert await rows(system, DEAD) == []


async def test_what_is_only_unavailable_is_never_buried(system: System, database: Database, tenant: UUID) -> None:
    messages = [a_message(tenant) for _ in range(3)]
    own = take(database, failing(messages[1], error=Unavailable("away")))

    for _ in range(runner.TRIES + 2):
        with pytest.raises(Unavailable):
            await own(messages)

    assert await rows(system, DEAD) == []
    assert await effects(database, tenant) == []
    await take(database)(messages)
    assert await effects(database, tenant) == of(*messages)


async def test_a_secret_that_can_not_be_opened_holds_up_nobody(
    system: System, database: Database, tenant: UUID
) -> None:
    """To a client it is a 503, but no waiting brings a lost key back."""
    messages = [a_message(tenant) for _ in range(2)]

    await take(database, failing(messages[0], error=SealBroken("The key is gone.")))(messages)

    assert await effects(database, tenant) == of(messages[1])
    ((_, buried, reason, _),) = await rows(system, DEAD)
    assert (buried, reason) == (messages[0].event.id, "seal_broken: The key is gone.")


async def test_a_message_of_one_tenant_leaves_nothing_in_another(database: Database, tenant: UUID) -> None:
    messages = [a_message(tenant), a_message(uuid4()), a_message(tenant)]

    await take(database)(messages)

    assert await effects(database, tenant) == of(messages[0], messages[2])
    assert await effects(database, messages[1].event.tenant_id) == of(messages[1])


async def test_a_reaction_runs_as_the_system_under_the_events_own_request_id(database: Database, tenant: UUID) -> None:
    seen: list[tuple[object, ...]] = []

    class Looking:
        def __init__(self, scope: object) -> None:
            self.context = scope.context  # type: ignore[attr-defined]

        async def react(self, event: PublishedEvent) -> None:
            seen.append((self.context.tenant_id, self.context.actor_kind, self.context.request_id))

    peer = Peer(database, {})
    look = peer.runner.take_for("look", Subscriber(types=frozenset({"*"}), policy=Looking))
    await look([a_message(tenant, request_id="request 9")])

    assert seen == [(tenant, "system", "request 9")]


async def test_a_subscriber_that_does_not_say_how_it_reacts_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="does not say how"):
        Peer(database, {}).runner.take_for("nothing", Subscriber(types=frozenset({"*"})))
