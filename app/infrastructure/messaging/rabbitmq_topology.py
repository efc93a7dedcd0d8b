"""What exists on the broker.

    <prefix>.events (topic: <partition>.<type>) → <prefix>.to.<subscriber> (topic) → <prefix>.<subscriber>.<partition>
    … → <prefix>.dead (exchange and queue) → <prefix>.parked (exchange and queue)

A subscriber's exchange keeps the number of bindings small: its types are bound once, not once per partition. Everything
is declared again by whoever needs it; that changes nothing where it exists.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel
from pamqp.common import FieldValue

from app.infrastructure.messaging.broker import Broker, Missing, speaking
from app.infrastructure.messaging.transport import ALL, PARTITIONS, Message, Subscription

DELIVERY_LIMIT = 20
"""Deliveries that ended with a dead consumer before a message goes to the dead letters."""
MOST_WAITING = 10_000
"""Messages in one queue after which the relay leaves the rest in the outbox."""
ANSWER_SECONDS = 5.0
Arguments = dict[str, FieldValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Names and arguments; RabbitMQ 3.10 and 4."""

    prefix: str = "hello"
    delivery_limit: int = DELIVERY_LIMIT
    most_waiting: int = MOST_WAITING

    @property
    def events(self) -> str:
        return f"{self.prefix}.events"

    @property
    def dead(self) -> str:
        return f"{self.prefix}.dead"

    @property
    def parked(self) -> str:
        return f"{self.prefix}.parked"

    def exchange(self, subscriber: str) -> str:
        return f"{self.prefix}.to.{subscriber}"

    def queue(self, subscriber: str, partition: int) -> str:
        return f"{self.prefix}.{subscriber}.{partition}"

    def subscriber_of(self, queue: str) -> tuple[str, int]:
        """Raises ValueError when it is no queue of a subscriber."""
        subscriber, _, partition = queue.removeprefix(f"{self.prefix}.").rpartition(".")
        return subscriber, int(partition)

    def key(self, message: Message) -> str:
        return f"{message.partition}.{message.event.type}"

    def arguments(self) -> Arguments:
        """The relay stops at `most_waiting`; twice that is a wall for what it can't count."""
        return {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": self.delivery_limit,
            "x-max-length": 2 * self.most_waiting,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": self.dead,
            "x-dead-letter-strategy": "at-least-once",
        }

    async def declare_ends(self, channel: AbstractChannel) -> None:
        """The dead letters, and behind them a place for what is no message of ours."""
        for name, more in ((self.parked, {}), (self.dead, self._dead_arguments())):
            arguments: Arguments = {"x-queue-type": "quorum", **more}
            exchange = await channel.declare_exchange(name, ExchangeType.FANOUT, durable=True)
            queue = await channel.declare_queue(name, durable=True, arguments=arguments)
            await queue.bind(exchange, "")
        await channel.declare_exchange(self.events, ExchangeType.TOPIC, durable=True)

    def _dead_arguments(self) -> Arguments:
        return {
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": self.parked,
            "x-dead-letter-strategy": "at-least-once",
        }

    async def declare(self, channel: AbstractChannel, subscription: Subscription) -> None:
        """Types last: before every queue is in place, nothing is routed to any."""
        own = await channel.declare_exchange(self.exchange(subscription.name), ExchangeType.TOPIC, durable=True)
        for partition in range(PARTITIONS):
            name = self.queue(subscription.name, partition)
            queue = await channel.declare_queue(name, durable=True, arguments=self.arguments())
            await queue.bind(own, f"{partition}.#")
        for key in _keys(subscription.types):
            await own.bind(self.events, key)

    async def unbind(self, channel: AbstractChannel, subscription: Subscription, known: Collection[str]) -> None:
        """Types that an earlier release asked for, of those we know."""
        own = await channel.get_exchange(self.exchange(subscription.name), ensure=False)
        wanted = _keys(subscription.types)
        for key in sorted(_keys(frozenset(known) | ALL) - wanted):
            await own.unbind(self.events, key)

    async def retire(self, channel: AbstractChannel, subscriber: str) -> None:
        """A subscriber that no longer exists: its queues would fill up and stop the relay."""
        underlay = await channel.get_underlay_channel()
        await underlay.exchange_delete(self.exchange(subscriber))
        for partition in range(PARTITIONS):
            await underlay.queue_delete(self.queue(subscriber, partition))

    async def delete_all(self, channel: AbstractChannel, subscribers: Collection[str]) -> None:
        """For tests, and for a broker that is to be left."""
        for subscriber in subscribers:
            await self.retire(channel, subscriber)
        underlay = await channel.get_underlay_channel()
        for name in (self.dead, self.parked):
            await underlay.queue_delete(name)
        for name in (self.events, self.dead, self.parked):
            await underlay.exchange_delete(name)


def _keys(types: frozenset[str]) -> frozenset[str]:
    """Binding keys of a subscriber's exchange."""
    return frozenset("#" if name == "*" else f"*.{name}" for name in types)


async def waiting(broker: Broker, queues: Sequence[str]) -> dict[str, int]:
    """Messages in each queue that nobody has been given yet; 0 for one that does not exist. Raises Unavailable."""
    counts: dict[str, int] = {}
    while len(counts) < len(queues):
        try:
            async with broker.channel() as channel:
                for name in queues[len(counts) :]:
                    counts[name] = 0
                    with speaking():
                        counts[name] = await _waiting_in(channel, name)
        except Missing:
            continue  # on a new channel, since this one is closed now
    return counts


async def _waiting_in(channel: AbstractChannel, queue: str) -> int:
    underlay = await channel.get_underlay_channel()
    answer = await underlay.queue_declare(queue, passive=True, timeout=ANSWER_SECONDS)
    return answer.message_count or 0
