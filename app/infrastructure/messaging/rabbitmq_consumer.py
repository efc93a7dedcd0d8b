"""Takes one partition's messages for one subscriber, in order, for as long as it runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from app.infrastructure.messaging.broker import AWAY, Broker, Missing, away, speaking
from app.infrastructure.messaging.pauses import Pauses
from app.infrastructure.messaging.rabbitmq_declarations import Declarations
from app.infrastructure.messaging.rabbitmq_topology import ANSWER_SECONDS, Topology
from app.infrastructure.messaging.transport import Message, Subscription, Take
from app.infrastructure.messaging.wire import Unreadable, decode
from app.shared.errors import Unavailable

PREFETCH = 400
BATCH = 200
SUSPICIOUS = 3
"""Deliveries without an answer after which messages are taken one by one, so that only the guilty one is counted on."""

_log = structlog.get_logger("hello_ticket.transport")


class Arrivals:
    """What the broker delivered and nobody has taken, in its order."""

    def __init__(self) -> None:
        self._waiting: deque[AbstractIncomingMessage] = deque()
        self._news = asyncio.Event()
        self.ended = False
        self._missing = False

    async def put(self, message: AbstractIncomingMessage) -> None:
        self._waiting.append(message)
        self._news.set()

    def end(self, *_: object) -> None:
        """The channel is gone: all that came through it comes again through another."""
        self.ended = True
        self._news.set()

    def cancelled(self, *_: object) -> None:
        """By the broker: the queue was deleted."""
        self._missing = True
        self.end()

    async def next(self, most: int) -> list[AbstractIncomingMessage]:
        """At least one. Raises Unavailable when the channel is gone, Missing when the queue is."""
        while not self._waiting and not self.ended:
            self._news.clear()
            await self._news.wait()
        self.check()
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def check(self) -> None:
        if self._missing:
            raise Missing
        if self.ended:
            raise away()


@dataclass(frozen=True, slots=True)
class Consumption:
    """A consumer on a channel of its own."""

    channel: AbstractChannel
    queue: AbstractQueue
    tag: str
    arrivals: Arrivals

    async def acknowledge(self, upto: AbstractIncomingMessage) -> None:
        with speaking():
            async with asyncio.timeout(ANSWER_SECONDS):
                await upto.ack(multiple=True)

    async def reject(self, message: AbstractIncomingMessage) -> None:
        with speaking():
            async with asyncio.timeout(ANSWER_SECONDS):
                await message.reject(requeue=False)

    async def cancel(self) -> None:
        with speaking():
            await self.queue.cancel(self.tag, timeout=ANSWER_SECONDS)


async def consuming(channel: AbstractChannel, queue: str, prefetch: int) -> Consumption:
    """Raises Unavailable, and Missing when there is no such queue."""
    arrivals = Arrivals()
    channel.close_callbacks.add(arrivals.end)
    with speaking():
        async with asyncio.timeout(ANSWER_SECONDS):
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(arrivals.cancelled)
            await channel.set_qos(prefetch_count=prefetch)
            source = await channel.get_queue(queue, ensure=False)
            return Consumption(channel, source, await source.consume(arrivals.put), arrivals)


class PartitionConsumer:
    """RabbitMQ makes one consumer of a queue the active one; the others wait for its end.

    A batch that could not be taken is kept and offered again: given back, each try would count towards the delivery
    limit, and an outage of the database would end in the dead letters. The limit is for consumers that die.
    """

    def __init__(
        self,
        broker: Broker,
        topology: Topology,
        declarations: Declarations,
        subscription: Subscription,
        partition: int,
        take: Take,
    ) -> None:
        self._broker = broker
        self._declarations = declarations
        self._subscription = subscription
        self._partition = partition
        self._queue = topology.queue(subscription.name, partition)
        self._take = take
        self._told: Callable[..., None] = _log.bind(subscriber=subscription.name, partition=partition).warning

    async def run(self) -> None:
        """Until cancelled."""
        pauses = Pauses()
        many = False
        while True:
            try:
                many = await self._session(many=many, pauses=pauses)
            except Missing:
                self._declarations.forget()
                many = await self._pause(pauses, "its queue is missing and will be declared again")
            except Unavailable as error:
                many = await self._pause(pauses, error.message)

    async def _pause(self, pauses: Pauses, reason: str) -> bool:
        if pauses.count == 0 and reason != AWAY:  # an outage is told by the connection, once
            self._told("subscriber_waits_for_broker", reason=reason)
        await pauses.next()
        return False

    async def _session(self, *, many: bool, pauses: Pauses) -> bool:
        """One channel's life: first a single message, and when it is not under suspicion, many at a time."""
        await self._declarations.ensure(self._subscription)
        async with self._broker.channel() as channel:
            consumption = await consuming(channel, self._queue, PREFETCH if many else 1)
            pauses.reset()
            while True:
                messages = await consumption.arrivals.next(BATCH)
                over = not many and _deliveries(messages[0]) < SUSPICIOUS
                await self._taken(consumption, messages)
                if over:
                    await consumption.cancel()
                await consumption.acknowledge(messages[-1])
                if over:
                    return True

    async def _taken(self, consumption: Consumption, arrived: Sequence[AbstractIncomingMessage]) -> None:
        messages = await self._read(consumption, arrived)
        pauses = Pauses()
        while messages:
            try:
                return await self._take(messages)
            except Exception as error:  # noqa: BLE001 — told, and tried again with the same messages
                if pauses.count == 0:
                    self._told("subscriber_tries_again", error=type(error).__name__, exc_info=_defect(error))
            await pauses.next()
            consumption.arrivals.check()
        return None

    async def _read(self, consumption: Consumption, arrived: Sequence[AbstractIncomingMessage]) -> list[Message]:
        """Those that are wanted; what is no message of ours goes to the dead letters."""
        messages = []
        for one in arrived:
            try:
                message = read(one, self._partition)
            except Unreadable:
                self._told("message_unreadable", message_id=one.message_id)
                await consumption.reject(one)
                continue
            if self._subscription.wants(message):
                messages.append(message)
        return messages


def read(message: AbstractIncomingMessage, partition: int) -> Message:
    """Raises Unreadable."""
    subscriber = message.headers.get("subscriber")
    event = decode(message.body)
    return Message(event=event, partition=partition, subscriber=subscriber if isinstance(subscriber, str) else None)


def _deliveries(message: AbstractIncomingMessage) -> int:
    """How often it was delivered before, as RabbitMQ counts for quorum queues."""
    with suppress(TypeError, ValueError):
        return int(message.headers.get("x-delivery-count", 0))  # type: ignore[arg-type]
    return 0


def _defect(error: Exception) -> Exception | None:
    return None if isinstance(error, Unavailable) else error
