"""From commit to subscriber: exactly what was committed, in order, once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.infrastructure.database.dispatch import Subscriber
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import runner
from app.infrastructure.messaging.transport import Message
from app.shared.errors import Unavailable
from tests.support.peers import Peer, at_work, effects, happened, in_order, policy, unpublished, until


class Aborted(Exception):
    """A transaction that did not come to its end."""


async def written(database: Database, tenant: UUID, streams: int, versions: int) -> set[tuple[UUID, int]]:
    """Streams that grow side by side, every third attempt being rolled back first."""
    chance = random.Random(7)
    committed: set[tuple[UUID, int]] = set()

    async def grow(stream: UUID) -> None:
        for version in range(1, versions + 1):
            if chance.random() < 0.33:
                with pytest.raises(Aborted):
                    await happened(database, tenant, stream, version, then=Aborted())
            await happened(database, tenant, stream, version)
            committed.add((stream, version))

    await asyncio.gather(*(grow(uuid4()) for _ in range(streams)))
    return committed


async def drained(database: Database, peers: Sequence[Peer]) -> None:
    async def empty() -> bool:
        depths = await peers[0].transport.depth()
        return not await unpublished(database) and not any(depths.values())

    await until(empty, "the end of the queue")


async def test_what_is_published_is_exactly_what_was_committed(database: Database, tenant: UUID, brisk: None) -> None:
    peer = Peer(database, policy())
    async with at_work(peer):
        committed = await written(database, tenant, streams=10, versions=6)
        await drained(database, [peer])

    found = await effects(database, tenant)
    assert len(found) == len(committed)
    assert set(found) == committed
    assert in_order(found)


async def test_several_relays_make_no_doubles_and_keep_each_aggregates_order(
    database: Database, tenant: UUID, brisk: None
) -> None:
    peers = [Peer(database, policy()) for _ in range(4)]
    async with at_work(*peers):
        committed = await written(database, tenant, streams=12, versions=8)
        await drained(database, peers)

    found = await effects(database, tenant)
    assert in_order(found)
    assert set(found) == committed


async def killed_and_replaced(database: Database, tenant: UUID, subscribers: Mapping[str, Subscriber]) -> int:
    """Everything is published again and again by processes that die before they mark; returns how many died."""
    committed = asyncio.ensure_future(written(database, tenant, streams=10, versions=8))
    deaths = 0
    while not committed.done() or deaths < 3:
        peer = Peer(database, subscribers)
        unmarked = asyncio.Event()

        async def never(rows: Any, told: asyncio.Event = unmarked) -> None:
            told.set()
            await asyncio.Event().wait()

        peer.relay._outbox.mark_published = never  # type: ignore[method-assign]
        peer.start()
        await asyncio.wait_for(unmarked.wait(), 30)
        await peer.die()
        deaths += 1
    await committed
    survivor = Peer(database, subscribers)
    async with at_work(survivor):
        await drained(database, [survivor])
    return deaths


async def test_relays_killed_between_publishing_and_marking_leave_doubles_that_the_inbox_swallows(
    database: Database, tenant: UUID, brisk: None
) -> None:
    assert await killed_and_replaced(database, tenant, policy()) >= 3

    found = await effects(database, tenant)
    assert len(found) == 80
    assert in_order(found)


async def test_twin_without_the_inbox_the_doubles_take_effect(
    database: Database, tenant: UUID, brisk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def all_fresh(self: Any, name: str, make: Any, tenant_id: Any, messages: Sequence[Message]) -> None:
        """The same without looking at which of them are new."""
        from app.infrastructure.database.scope import Scope, UnitOfWork
        from tests.support.peers import IDS

        async with database.transaction(tenant_id) as connection:
            for message in messages:
                scope = Scope(UnitOfWork(connection, tenant_id, IDS), runner.context_of(message))
                await make(scope).react(message.event)

    monkeypatch.setattr(runner.Runner, "_together", all_fresh)
    stream = await happened(database, tenant)
    peer = Peer(database, policy())
    async with at_work(peer):
        await drained(database, [peer])
        (row,) = await outbox_rows(database)
        await peer.transport.publish([message_of(row)])
        await drained(database, [peer])

    assert await effects(database, tenant) == [(stream, 1)] * 2


async def test_a_message_that_comes_twice_takes_effect_once(database: Database, tenant: UUID, brisk: None) -> None:
    """What the twin above does, with the inbox."""
    stream = await happened(database, tenant)
    peer = Peer(database, policy())
    async with at_work(peer):
        await drained(database, [peer])
        (row,) = await outbox_rows(database)
        await peer.transport.publish([message_of(row)])
        await drained(database, [peer])

    assert await effects(database, tenant) == [(stream, 1)]


async def outbox_rows(database: Database) -> list[Any]:
    async with database.transaction(None, role="worker", read_only=True) as connection:
        return await connection.fetch(
            "SELECT tenant_id, id, stream_id, version, partition FROM outbox WHERE type = 'thing.happened'"
        )


def message_of(row: Any) -> Message:
    from tests.support.peers import an_event

    event = an_event(row["tenant_id"], id=row["id"], stream_id=row["stream_id"], version=row["version"])
    return Message(event=event, partition=row["partition"])


async def test_what_could_not_be_published_is_published_later(
    database: Database, tenant: UUID, brisk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await happened(database, tenant)
    peer = Peer(database, policy())
    publish, failures = peer.transport.publish, [Unavailable("away"), RuntimeError("a defect"), Unavailable("away")]

    async def failing(messages: Sequence[Message]) -> None:
        if failures:
            raise failures.pop()
        await publish(messages)

    monkeypatch.setattr(peer.transport, "publish", failing)
    async with at_work(peer):
        await drained(database, [peer])

    assert failures == []
    assert len(await effects(database, tenant)) == 1


async def test_published_in_part_and_again_takes_effect_once(
    database: Database, tenant: UUID, brisk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transport took it, and its yes was lost."""
    for _ in range(20):
        await happened(database, tenant)
    peer = Peer(database, policy())
    publish, lost = peer.transport.publish, [1, 2, 3]

    async def losing(messages: Sequence[Message]) -> None:
        await publish(messages)
        if lost:
            lost.pop()
            raise Unavailable("The answer was lost.")

    monkeypatch.setattr(peer.transport, "publish", losing)
    async with at_work(peer):
        await drained(database, [peer])

    found = await effects(database, tenant)
    assert (len(found), len(set(found))) == (20, 20)


async def test_a_relay_without_a_lease_publishes_nothing(database: Database, tenant: UUID) -> None:
    await happened(database, tenant)
    peer = Peer(database, policy())

    assert await peer.relay.round() == 0
    await peer.leases.refresh()
    assert await peer.relay.round() == 1
    assert await peer.relay.round() == 0


async def test_an_event_that_nobody_asked_for_is_done_with(database: Database, tenant: UUID) -> None:
    await happened(database, tenant)
    peer = Peer(database, {})
    await peer.leases.refresh()

    assert await peer.relay.round() == 1

    assert await unpublished(database) == 0
