"""Publishes with confirms: what is not certain to be on the broker's disk is not published."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import DeliveryError, PublishError
from pamqp.common import FieldTable

from app.infrastructure.messaging.broker import Broker, Missing, speaking
from app.infrastructure.messaging.rabbitmq_declarations import Declarations
from app.infrastructure.messaging.rabbitmq_topology import Topology, waiting
from app.infrastructure.messaging.transport import Message, Subscription
from app.infrastructure.messaging.wire import encode
from app.shared.errors import Unavailable

PUBLISH_SECONDS = 5.0
AT_ONCE = 200
"""Messages on their way at a time, so that a slow broker with much to do is not taken for one that hangs."""


class Publisher:
    """One channel for all; the order of `publish` is kept.

    A queue is never filled to its wall: a message that the broker refuses in the middle of many would arrive after
    those behind it. So the messages that wait are counted, and the rest stays in the outbox.
    """

    def __init__(
        self, broker: Broker, topology: Topology, declarations: Declarations, subscriptions: Sequence[Subscription]
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._declarations = declarations
        self._subscriptions = subscriptions
        self._channel: AbstractChannel | None = None
        self._events: AbstractExchange | None = None
        self._opening: asyncio.Task[None] | None = None
        self._room: Counter[int] = Counter()
        self._turn = asyncio.Lock()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Raises Unavailable, within PUBLISH_SECONDS of the last that was confirmed."""
        for start in range(0, len(messages), AT_ONCE):
            async with self._turn:
                await self._publish(messages[start : start + AT_ONCE])

    async def _publish(self, messages: Sequence[Message]) -> None:
        try:
            with speaking():
                async with asyncio.timeout(PUBLISH_SECONDS):
                    await self._open()
                    await self._make_room(messages)
                    await self._send(messages)
        except _Full as error:
            self._room.clear()
            raise Unavailable(f"The message broker takes no more: {error}", retry_after=1) from error
        except Missing as error:
            self._declarations.forget()
            self._channel = None
            raise Unavailable("A queue is missing on the broker; it will be declared again.", retry_after=1) from error
        except Unavailable:
            self._channel = None  # it may look open until the connection is closed, which takes a while
            self._broker.discard()
            raise

    async def _open(self) -> None:
        """Declaring everything on an empty broker may take longer than a caller waits; it goes on for the next one."""
        if self._channel is not None and not self._channel.is_closed:
            return
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._opened())
            self._opening.add_done_callback(_look)
        await asyncio.shield(self._opening)

    async def _opened(self) -> None:
        self._channel, self._events = None, None
        self._room.clear()
        await self._declarations.ensure(*self._subscriptions)
        channel = await self._broker.open_channel(confirms=True)
        self._events = await channel.get_exchange(self._topology.events, ensure=False)
        self._channel = channel

    async def _make_room(self, messages: Sequence[Message]) -> None:
        """Counts again when what was free at the last count is used up."""
        for partition, count in Counter(message.partition for message in messages).items():
            if self._room[partition] < count:
                await self._count(partition)
            self._room[partition] -= count

    async def _count(self, partition: int) -> None:
        queues = [self._topology.queue(subscription.name, partition) for subscription in self._subscriptions]
        counts = await waiting(self._broker, queues)
        full = [name for name, count in counts.items() if count >= self._topology.most_waiting]
        if full:
            raise _Full(f"the queue {full[0]} is full, its subscriber is behind")
        self._room[partition] = self._topology.most_waiting - max(counts.values(), default=0)

    async def _send(self, messages: Sequence[Message]) -> None:
        """In order: the driver's lock on the channel is first come, first served."""
        try:
            await asyncio.gather(*(self._send_one(message) for message in messages))
        except PublishError as error:
            raise Missing from error
        except DeliveryError as error:
            raise _Full("a queue is full, perhaps one of a subscriber that is gone") from error

    async def _send_one(self, message: Message) -> None:
        assert self._channel is not None  # noqa: S101 — for the type checker: _open came before
        assert self._events is not None  # noqa: S101
        wanted = any(subscription.wants(message) for subscription in self._subscriptions)
        exchange, key = self._events, self._topology.key(message)
        if message.subscriber is not None:
            exchange, key = self._channel.default_exchange, self._topology.queue(message.subscriber, message.partition)
        await exchange.publish(outgoing(message), key, mandatory=wanted)


class _Full(Exception):
    """The broker is well, and has no room."""


def outgoing(message: Message) -> aio_pika.Message:
    event = message.event
    headers: FieldTable = {
        "request_id": event.request_id,
        "tenant_id": str(event.tenant_id),
        "partition": message.partition,
    }
    if message.subscriber is not None:
        headers["subscriber"] = message.subscriber
    return aio_pika.Message(
        encode(event),
        headers=headers,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=str(event.id),
        correlation_id=event.request_id,
        type=event.type,
        app_id="hello-ticket",
    )


def _look(task: asyncio.Task[None]) -> None:
    """A failure that nobody waited for any more is known to whoever tries next."""
    if not task.cancelled():
        task.exception()
