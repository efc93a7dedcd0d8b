"""Queues in PostgreSQL: at least once, in order, and a message that kills whoever takes it is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from app.infrastructure.database.dispatch import Subscriber
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import postgres_transport as module
from app.infrastructure.messaging.transport import Message
from app.shared.errors import Unavailable
from tests.support.owner import rows, value
from tests.support.peers import Peer, a_message, at_work, effects, policy, until
from tests.support.system import System

pytestmark = pytest.mark.usefixtures("brisk")

WAITING = "SELECT subscriber, message_id FROM queue_messages ORDER BY position"


async def test_each_subscriber_gets_what_it_asked_for_and_no_more(
    system: System, database: Database, tenant: UUID
) -> None:
    orders = {"orders": Subscriber(types=frozenset({"order.placed"}), policy=policy()["test"].policy)}
    peer = Peer(database, {**policy("all"), **orders})
    placed, other = a_message(tenant, type="order.placed"), a_message(tenant)

    await peer.transport.publish([placed, other])

    assert sorted(await rows(system, WAITING)) == sorted(
        [("all", placed.event.id), ("all", other.event.id), ("orders", placed.event.id)]
    )
    assert await peer.transport.depth() == {"all": 2, "orders": 1}


async def test_published_twice_it_waits_once(system: System, database: Database, tenant: UUID) -> None:
    peer, message = Peer(database, policy()), a_message(tenant)

    await peer.transport.publish([message])
    await peer.transport.publish([message, message])

    assert await peer.transport.depth() == {"test": 1}


async def test_a_subscriber_that_raised_gets_all_of_it_again(database: Database, tenant: UUID) -> None:
    messages = [a_message(tenant) for _ in range(3)]
    got: list[list[UUID]] = []
    peer = Peer(database, policy())

    async def take(batch: Sequence[Message]) -> None:
        got.append([message.event.id for message in batch])
        if len(got) < 4:
            raise (Unavailable("away") if len(got) % 2 else RuntimeError("a defect"))

    (subscription,) = peer.subscriptions
    works = [asyncio.ensure_future(peer.transport.run(subscription, take))]
    await asyncio.sleep(0)
    works.append(asyncio.ensure_future(peer.leases.run()))
    same_partition = [Message(event=m.event, partition=0) for m in messages]
    await peer.transport.publish(same_partition)

    async def empty() -> bool:
        return await peer.transport.depth() == {"test": 0}

    try:
        await until(empty, "the fourth try")
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    wanted = [message.event.id for message in messages]
    assert got == [wanted] * 4


async def killed_by(peer: Peer, poison: UUID) -> None:
    """A process that dies as soon as it takes this message; the ones before it take effect."""
    died = asyncio.Event()
    take = peer.runner.take_for("test", peer.subscribers["test"])

    async def deadly(batch: Sequence[Message]) -> None:
        if poison in {message.event.id for message in batch}:
            died.set()
            await asyncio.Event().wait()
        await take(batch)

    (subscription,) = peer.subscriptions
    peer.tasks = [asyncio.ensure_future(peer.transport.run(subscription, deadly))]
    await asyncio.sleep(0)
    peer.tasks.append(asyncio.ensure_future(peer.leases.run()))
    await asyncio.wait_for(died.wait(), 30)
    await peer.die()


async def orphaned(database: Database) -> None:
    """As if the killed one's time were up."""
    async with database.transaction(None, role="worker") as connection:
        await connection.execute("UPDATE leases SET expires_at = now() - interval '1 second'")
        await connection.execute("DELETE FROM workers")


async def test_what_kills_its_taker_each_time_is_buried_and_the_others_take_effect(
    system: System, database: Database, tenant: UUID
) -> None:
    messages = [Message(event=a_message(tenant).event, partition=0) for _ in range(5)]
    poison = messages[2].event.id
    await Peer(database, policy()).transport.publish(messages)
    for _ in range(module.MOST_TAKES + 1):
        await killed_by(Peer(database, policy()), poison)
        await orphaned(database)
    assert await value(system, "SELECT takes FROM queue_messages WHERE message_id = $1", poison) == module.MOST_TAKES

    survivor = Peer(database, policy())
    async with at_work(survivor):

        async def empty() -> bool:
            return await survivor.transport.depth() == {"test": 0}

        await until(empty, "the end of the queue")

    assert await rows(system, "SELECT message_id, tries, reason FROM dead_letters") == [
        (poison, module.MOST_TAKES, "each process that took it died")
    ]
    others = [(m.event.stream_id, m.event.version) for m in messages if m.event.id != poison]
    assert await effects(database, tenant) == others


async def test_messages_of_a_process_that_died_for_another_reason_are_not_counted_on(
    system: System, database: Database, tenant: UUID
) -> None:
    messages = [Message(event=a_message(tenant).event, partition=0) for _ in range(3)]
    await Peer(database, policy()).transport.publish(messages)
    await killed_by(Peer(database, policy()), messages[0].event.id)
    await orphaned(database)

    survivor = Peer(database, policy())
    async with at_work(survivor):

        async def empty() -> bool:
            return await survivor.transport.depth() == {"test": 0}

        await until(empty, "the end of the queue")

    assert len(await effects(database, tenant)) == 3
    assert await value(system, "SELECT count(*) FROM dead_letters") == 0


async def test_a_slow_partition_keeps_back_no_other(database: Database, tenant: UUID) -> None:
    slow, quick = (Message(event=a_message(tenant).event, partition=n) for n in (0, 1))
    done: list[UUID] = []
    peer = Peer(database, policy())
    both = asyncio.Event()

    async def take(batch: Sequence[Message]) -> None:
        for message in batch:
            if message.event.id == slow.event.id:
                await both.wait()
            done.append(message.event.id)

    (subscription,) = peer.subscriptions
    works = [asyncio.ensure_future(peer.transport.run(subscription, take))]
    await asyncio.sleep(0)
    works.append(asyncio.ensure_future(peer.leases.run()))
    await peer.transport.publish([slow, quick])

    async def quick_is_through() -> bool:
        return done == [quick.event.id]

    async def slow_is_too() -> bool:
        return done == [quick.event.id, slow.event.id]

    try:
        await until(quick_is_through, "the quick one")
        both.set()
        await until(slow_is_too, "the slow one")
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


async def test_a_defect_of_a_moment_ends_no_subscriber(
    database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer(database, policy())
    ready, broken = module._READY, "SELECT no_such_column FROM queue_messages"
    monkeypatch.setattr(module, "_READY", broken)
    async with at_work(peer):
        await peer.transport.publish([a_message(tenant)])
        await asyncio.sleep(0.2)
        monkeypatch.setattr(module, "_READY", ready)

        async def empty() -> bool:
            return await peer.transport.depth() == {"test": 0}

        await until(empty, "the end of the queue")

    assert len(await effects(database, tenant)) == 1


async def test_a_replay_for_one_subscriber_reaches_that_one_only(
    system: System, database: Database, tenant: UUID
) -> None:
    peer, message = Peer(database, {**policy("one"), **policy("two")}), a_message(tenant)

    await peer.transport.publish([Message(event=message.event, partition=0, subscriber="two")])

    assert await rows(system, WAITING) == [("two", message.event.id)]


async def test_nothing_to_publish_asks_nobody(database: Database) -> None:
    await Peer(database, {}).transport.publish([a_message(uuid4())])
    await Peer(database, policy()).transport.close()
