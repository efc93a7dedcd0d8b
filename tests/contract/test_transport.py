"""What `Transport` promises, on RabbitMQ and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from app.infrastructure.messaging.broker import Broker
from app.infrastructure.messaging.leases import Leases
from app.infrastructure.messaging.postgres_transport import PostgresTransport
from app.infrastructure.messaging.rabbitmq_topology import Topology
from app.infrastructure.messaging.rabbitmq_transport import RabbitTransport
from app.infrastructure.messaging.transport import ALL, PARTITIONS, Message, Subscription, Transport
from app.infrastructure.signals.local import LocalSignals
from app.shared.ids import TenantId
from tests.support.system import System
from tests.support.travelling import PATIENCE, Recorder, in_background, message, published, running, until

Processes = Callable[[Sequence[Subscription]], AbstractAsyncContextManager[Transport]]
"""Each call is one more process."""


async def _buried(subscriber: str, dead: Message, reason: str, tries: int) -> None:
    raise AssertionError(f"nothing here may be buried: {reason}")


@asynccontextmanager
async def _on_rabbitmq(url: str) -> AsyncGenerator[Processes]:
    topology, names = Topology(prefix=f"t{uuid4().hex[:12]}"), set[str]()

    @asynccontextmanager
    async def process(subscriptions: Sequence[Subscription]) -> AsyncGenerator[Transport]:
        names.update(subscription.name for subscription in subscriptions)
        transport = RabbitTransport(url, subscriptions, topology=topology)
        try:
            yield transport
        finally:
            await transport.close()

    yield process
    broker = Broker(url, purpose="clean-up")
    async with broker.channel() as channel:
        await topology.delete_all(channel, names)
    await broker.close()


@asynccontextmanager
async def _on_postgres(system: System) -> AsyncGenerator[Processes]:
    signals = LocalSignals()

    @asynccontextmanager
    async def process(subscriptions: Sequence[Subscription]) -> AsyncGenerator[Transport]:
        leases = Leases(system.application.database, uuid7(), kind="worker")
        transport = PostgresTransport(system.application.database, leases, signals, subscriptions, _buried)
        async with in_background(leases.run()):
            yield transport

    yield process


@pytest.fixture(params=[pytest.param("rabbitmq", marks=pytest.mark.service("rabbitmq")), "postgres"])
async def processes(request: pytest.FixtureRequest, system: System) -> AsyncGenerator[Processes]:
    if request.param == "postgres":
        async with _on_postgres(system) as process:
            yield process
        return
    async with _on_rabbitmq(request.getfixturevalue("broker_url")) as process:
        yield process


@pytest.fixture
async def tenant_id(system: System) -> TenantId:
    return (await system.organizer()).tenant_id


def named(types: frozenset[str] = ALL) -> Subscription:
    """A subscriber that no other test has."""
    return Subscription(name=f"s{uuid4().hex[:12]}", types=types)


async def test_what_is_wanted_arrives_in_order_and_nothing_else_does(processes: Processes, tenant_id: TenantId) -> None:
    everything, placed = named(), named(frozenset({"order.placed"}))
    types = ("order.placed", "order.cancelled", "stock.placed")
    sent = [
        message(n, partition=n % PARTITIONS, type=types[n // PARTITIONS % 3], tenant_id=tenant_id)
        for n in range(24 * PARTITIONS)
    ]
    of_all, of_placed = Recorder(), Recorder()
    async with processes((everything, placed)) as transport:
        await transport.publish(sent[: len(sent) // 2])
        async with running(transport, everything, of_all), running(transport, placed, of_placed):
            await transport.publish(sent[len(sent) // 2 :])
            await until(lambda: len(of_all.ids) == len(sent))
            await until(lambda: len(of_placed.ids) == len(sent) // 3)

    assert of_all.by_partition() == {p: list(range(p, len(sent), PARTITIONS)) for p in range(PARTITIONS)}
    assert of_placed.ids == {one.event.id for one in sent if one.event.type == "order.placed"}
    assert sorted(of_all.taken, key=lambda one: one.event.version) == sent


async def test_a_directed_message_reaches_its_subscriber_only(processes: Processes, tenant_id: TenantId) -> None:
    first, second = named(), named(frozenset({"order.placed"}))
    to_first, to_second = Recorder(), Recorder()
    replay = message(1, type="order.cancelled", tenant_id=tenant_id, subscriber=second.name)
    after = message(2, tenant_id=tenant_id)
    async with processes((first, second)) as transport:
        await transport.publish([replay, after])
        async with running(transport, first, to_first), running(transport, second, to_second):
            await until(lambda: to_first.taken and len(to_second.taken) == 2)

    assert [one.event.id for one in to_second.taken] == [replay.event.id, after.event.id]
    assert [one.event.id for one in to_first.taken] == [after.event.id]


async def test_what_could_not_be_taken_comes_again_in_order(processes: Processes, tenant_id: TenantId) -> None:
    subscription, recorder = named(), Recorder(failures=3)
    async with processes((subscription,)) as transport:
        await transport.publish([message(n, tenant_id=tenant_id) for n in range(50)])
        async with running(transport, subscription, recorder):
            await until(lambda: len(recorder.ids) == 50)

    assert recorder.versions() == list(range(50))
    assert all(batch[0].event.version == 0 for batch in recorder.offered[:3])


async def test_publishing_twice_is_harmless(processes: Processes, tenant_id: TenantId) -> None:
    subscription, recorder = named(), Recorder()
    sent = [message(n, tenant_id=tenant_id) for n in range(20)]
    async with processes((subscription,)) as transport:
        await transport.publish(sent)
        await transport.publish(sent)
        async with running(transport, subscription, recorder):
            await transport.publish([message(20, tenant_id=tenant_id)])
            await until(lambda: 20 in recorder.versions())

    assert recorder.versions() == list(range(21))


async def test_of_two_processes_one_takes_a_partition_and_the_other_takes_over(
    processes: Processes, tenant_id: TenantId
) -> None:
    subscription, recorder = named(), Recorder(seconds=0.002)
    sent = [message(n, partition=n % PARTITIONS, tenant_id=tenant_id) for n in range(100 * PARTITIONS)]
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(processes((subscription,)))
        async with processes((subscription,)) as first, running(first, subscription, recorder):
            await stack.enter_async_context(running(second, subscription, recorder))
            for start in range(0, len(sent), 80):
                await published(second, sent[start : start + 80])
            await until(lambda: recorder.taken)
        await until(lambda: len(recorder.ids) == len(sent))

    assert not recorder.overlapped
    assert recorder.by_partition() == {p: list(range(p, len(sent), PARTITIONS)) for p in range(PARTITIONS)}


async def test_depth_counts_what_nobody_has_taken(processes: Processes, tenant_id: TenantId) -> None:
    busy, idle = named(), named(frozenset({"order.never"}))
    recorder = Recorder()
    async with processes((busy, idle)) as transport:
        await transport.publish([message(n, partition=n % PARTITIONS, tenant_id=tenant_id) for n in range(30)])
        assert await transport.depth() == {busy.name: 30, idle.name: 0}
        async with running(transport, busy, recorder):
            await until(lambda: len(recorder.ids) == 30)
            async with asyncio.timeout(PATIENCE):
                while (await transport.depth())[busy.name]:  # noqa: ASYNC110 — the last acknowledgement is on its way
                    await asyncio.sleep(0.01)
