"""What is RabbitMQ's own about its transport: topology, bounds, dead letters."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import aio_pika
import pytest
from aio_pika import ExchangeType

from app.infrastructure.messaging.broker import Broker
from app.infrastructure.messaging.rabbitmq_consumer import consuming
from app.infrastructure.messaging.rabbitmq_dead import UNREADABLE
from app.infrastructure.messaging.rabbitmq_topology import Topology, waiting
from app.infrastructure.messaging.rabbitmq_transport import RabbitTransport
from app.infrastructure.messaging.transport import ALL, PARTITIONS, Message, Subscription
from app.shared.errors import Unavailable
from app.shared.settings import SettingsFault
from tests.support.travelling import SOMEBODY, Recorder, in_background, message, published, running, until

pytestmark = pytest.mark.service("rabbitmq")

EVERYTHING = Subscription(name="everything", types=ALL)
PLACED = Subscription(name="placed", types=frozenset({"order.placed"}))


@dataclass
class Place:
    """This test's corner of the broker."""

    url: str
    topology: Topology
    opened: list[RabbitTransport] = field(default_factory=list)

    def transport(self, *subscriptions: Subscription, retired: Sequence[str] = ()) -> RabbitTransport:
        transport = RabbitTransport(self.url, subscriptions, topology=self.topology, retired=retired)
        self.opened.append(transport)
        return transport

    async def put(self, queue: str, body: bytes, **properties: object) -> None:
        broker = Broker(self.url, purpose="test")
        channel = await broker.open_channel(confirms=True)
        await channel.default_exchange.publish(aio_pika.Message(body, **properties), queue)  # type: ignore[arg-type]
        await broker.close()

    async def waiting(self, queue: str) -> int:
        broker = Broker(self.url, purpose="test")
        counts = await waiting(broker, [queue])
        await broker.close()
        return counts[queue]

    async def holds(self, queue: str, count: int) -> None:
        async with asyncio.timeout(30):
            while await self.waiting(queue) != count:  # noqa: ASYNC110 — another process's state
                await asyncio.sleep(0.02)


@pytest.fixture
async def place(broker_url: str, broker_prefix: str) -> AsyncGenerator[Place]:
    place = Place(broker_url, Topology(prefix=broker_prefix, delivery_limit=5, most_waiting=20))
    yield place
    for transport in place.opened:
        await transport.close()
    broker = Broker(broker_url, purpose="clean-up")
    async with broker.channel() as channel:
        await place.topology.delete_all(channel, {EVERYTHING.name, PLACED.name})
    await broker.close()


@dataclass
class Buried:
    found: list[tuple[str, Message, str, int]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def __call__(self, subscriber: str, dead: Message, reason: str, tries: int) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.found.append((subscriber, dead, reason, tries))


async def test_who_and_why_travel_beside_the_body(place: Place) -> None:
    transport = place.transport(EVERYTHING)
    sent = message(1)
    await transport.publish([sent])
    broker = Broker(place.url, purpose="test")
    async with broker.channel() as channel:
        consumption = await consuming(channel, place.topology.queue(EVERYTHING.name, 0), 1)
        (found,) = await consumption.arrivals.next(1)
    await broker.close()

    assert found.message_id == str(sent.event.id)
    assert found.headers["request_id"] == sent.event.request_id
    assert found.headers["tenant_id"] == str(SOMEBODY)
    assert found.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_what_nobody_asks_for_is_published_all_the_same(place: Place) -> None:
    transport = place.transport(PLACED)
    await transport.publish([message(1, type="order.cancelled"), message(2, subscriber="long-gone")])
    assert await transport.depth() == {PLACED.name: 0}


async def test_bytes_that_are_no_event_are_buried_as_they_are(place: Place) -> None:
    transport, recorder, bury = place.transport(EVERYTHING), Recorder(), Buried()
    queue = place.topology.queue(EVERYTHING.name, 3)
    await transport.publish([message(1, partition=3)])
    await place.put(queue, b"\xff nonsense", headers={"tenant_id": str(SOMEBODY), "request_id": "r"})
    await transport.publish([message(2, partition=3)])
    async with running(transport, EVERYTHING, recorder), in_background(transport.drain_dead(bury)):
        await until(lambda: recorder.versions(3) == [1, 2] and bury.found)

    ((subscriber, dead, reason, _),) = bury.found
    assert (subscriber, dead.partition, reason) == (EVERYTHING.name, 3, "its body is no event")
    assert (dead.event.type, dead.event.tenant_id, dead.event.request_id) == (UNREADABLE, SOMEBODY, "r")
    assert base64.b64decode(dead.event.data["body_base64"]) == b"\xff nonsense"


async def test_what_names_no_tenant_is_parked_on_the_broker(place: Place) -> None:
    transport, recorder, bury = place.transport(EVERYTHING), Recorder(), Buried()
    await transport.publish([message(1)])
    await place.put(place.topology.queue(EVERYTHING.name, 0), b"{}")
    async with running(transport, EVERYTHING, recorder), in_background(transport.drain_dead(bury)):
        await place.holds(place.topology.parked, 1)

    assert bury.found == []


async def test_what_cannot_be_written_is_parked_and_what_can_wait_waits(place: Place) -> None:
    transport, recorder = place.transport(EVERYTHING), Recorder()
    bury = Buried(failures=[Unavailable("away"), *(ValueError("a defect") for _ in range(5))])
    await transport.publish([message(1)])
    for body in (b"first", b"second"):
        headers = {"tenant_id": str(SOMEBODY)}
        await place.put(place.topology.queue(EVERYTHING.name, 0), body, headers=headers, message_id=body.decode())
    async with running(transport, EVERYTHING, recorder), in_background(transport.drain_dead(bury)):
        await place.holds(place.topology.parked, 1)
        await until(lambda: bury.found)

    assert [base64.b64decode(dead.event.data["body_base64"]) for _, dead, _, _ in bury.found] == [b"second"]


async def test_only_the_message_that_kills_its_takers_is_given_up(place: Place) -> None:
    """Each taker loses its connection over it, as a killed process would."""
    transport, bury = place.transport(EVERYTHING), Buried()
    taken: list[int] = []

    async def take(messages: Sequence[Message]) -> None:
        for one in messages:
            if one.event.version == 7:
                transport._inward.discard()
                await asyncio.sleep(60)
            taken.append(one.event.version)

    await transport.publish([message(n) for n in range(12)])
    async with in_background(transport.drain_dead(bury)):
        while not bury.found:
            async with in_background(transport.run(EVERYTHING, take)):
                for _ in range(100):
                    await asyncio.sleep(0.01)
        async with in_background(transport.run(EVERYTHING, take)):
            await until(lambda: 11 in taken)

    assert [(dead.event.version, reason) for _, dead, reason, _ in bury.found] == [
        (7, "each process that took it died")
    ]
    assert list(dict.fromkeys(taken)) == [n for n in range(12) if n != 7]


async def test_a_full_queue_leaves_the_rest_to_the_outbox(place: Place) -> None:
    transport, recorder = place.transport(EVERYTHING), Recorder()
    sent = [message(n) for n in range(60)]
    for one in sent[: place.topology.most_waiting]:
        await transport.publish([one])
    await place.holds(place.topology.queue(EVERYTHING.name, 0), place.topology.most_waiting)
    with pytest.raises(Unavailable, match="takes no more"):
        await transport.publish(sent[place.topology.most_waiting :])
    async with running(transport, EVERYTHING, recorder):
        for one in sent[place.topology.most_waiting :]:
            await published(transport, [one])
        await until(lambda: len(recorder.ids) == 60)
    assert recorder.versions() == list(range(60))


async def test_the_wall_behind_holds_too(place: Place) -> None:
    transport = place.transport(EVERYTHING)

    async def fill() -> None:
        for start in range(0, 1_000, 15):
            transport._publisher._room[0] = 1_000  # as if another relay had filled the queue meanwhile
            await transport.publish([message(n) for n in range(start, start + 15)])

    with pytest.raises(Unavailable, match="takes no more"):
        await fill()


async def test_types_of_an_earlier_release_no_longer_arrive(place: Place) -> None:
    earlier = place.transport(EVERYTHING, PLACED)
    await earlier.publish([message(1)])
    assert await earlier.depth() == {EVERYTHING.name: 1, PLACED.name: 1}

    cancelled = replace(PLACED, types=frozenset({"order.cancelled"}))
    newer = place.transport(replace(EVERYTHING, types=frozenset({"order.placed"})), cancelled)
    await newer.publish([message(2), message(3, type="order.cancelled"), message(4, type="stock.changed")])
    recorder = Recorder()
    async with running(newer, cancelled, recorder):
        await until(lambda: recorder.taken)
    assert recorder.versions() == [3]
    assert (await newer.depth())[EVERYTHING.name] == 2


async def test_a_retired_subscriber_leaves_nothing_that_could_fill_up(place: Place) -> None:
    await place.transport(EVERYTHING, PLACED).publish([message(1)])
    transport = place.transport(PLACED, retired=[EVERYTHING.name])
    await transport.publish([message(2)])

    assert await place.waiting(place.topology.queue(EVERYTHING.name, 0)) == 0
    assert await place.waiting(place.topology.queue(PLACED.name, 0)) == 2


async def test_a_queue_with_other_arguments_is_named_with_what_to_do(place: Place) -> None:
    await place.transport(PLACED).publish([message(1)])
    other = RabbitTransport(place.url, [PLACED], topology=replace(place.topology, delivery_limit=3))
    place.opened.append(other)
    with pytest.raises(Unavailable, match=rf"{place.topology.queue(PLACED.name, 0)}.*rabbitmqctl delete_queue"):
        await other.publish([message(2)])


async def test_a_queue_that_somebody_deleted_is_declared_again(place: Place) -> None:
    transport, recorder = place.transport(PLACED), Recorder()
    async with running(transport, PLACED, recorder):
        await transport.publish([message(1, partition=partition) for partition in range(PARTITIONS)])
        await until(lambda: len(recorder.taken) == PARTITIONS)
        broker = Broker(place.url, purpose="test")
        async with broker.channel() as channel:
            await place.topology.retire(channel, PLACED.name)
        await broker.close()
        await published(transport, [message(2, partition=5)])
        await until(lambda: recorder.versions(5) == [1, 2])


async def test_a_missing_exchange_is_declared_again(place: Place) -> None:
    transport = place.transport(PLACED)
    await transport.publish([message(1)])
    broker = Broker(place.url, purpose="test")
    async with broker.channel() as channel:
        underlay = await channel.get_underlay_channel()
        await underlay.exchange_delete(place.topology.events)
    await broker.close()
    await published(transport, [message(2)])
    assert await transport.depth() == {PLACED.name: 2}


async def test_an_exchange_of_another_kind_is_told_too(place: Place) -> None:
    broker = Broker(place.url, purpose="test")
    async with broker.channel() as channel:
        await channel.declare_exchange(place.topology.events, ExchangeType.DIRECT, durable=True)
    await broker.close()
    with pytest.raises(Unavailable, match="other arguments"):
        await place.transport(PLACED).publish([message(1)])


async def test_the_probe_answers(place: Place) -> None:
    assert await place.transport(PLACED).probe() == {"ok": True, "active": "rabbitmq"}


@pytest.mark.parametrize("url", ["nonsense", "http://localhost", "amqp://", "amqp://[::1"])
def test_what_is_no_address_of_a_broker_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SettingsFault, match="RABBITMQ_URL"):
        RabbitTransport(url, [])


async def test_a_wrong_password_is_unavailable_and_not_told(place: Place) -> None:
    transport = RabbitTransport(place.url.replace("guest:guest", "guest:secret-word"), [PLACED])
    with pytest.raises(Unavailable) as raised:
        await transport.publish([message(1)])
    assert "secret-word" not in raised.value.message
    with suppress(Unavailable):
        await transport.close()
