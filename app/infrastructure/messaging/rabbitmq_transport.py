"""RabbitMQ as the transport: quorum queues, publisher confirms, one active consumer per subscriber and partition."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from app.infrastructure.messaging.broker import Broker
from app.infrastructure.messaging.rabbitmq_consumer import PartitionConsumer
from app.infrastructure.messaging.rabbitmq_dead import Bury, DeadLetterDrain
from app.infrastructure.messaging.rabbitmq_declarations import Declarations
from app.infrastructure.messaging.rabbitmq_publisher import Publisher
from app.infrastructure.messaging.rabbitmq_topology import Topology, waiting
from app.infrastructure.messaging.transport import PARTITIONS, Message, Subscription, Take


class RabbitTransport:
    """See `Transport`. `subscriptions` are all there are: their queues exist before anything is published.

    `retired` names subscribers of earlier releases, whose queues are deleted. Two connections: a broker that is short
    of memory or disk stops those that publish, and consumers are what helps it then.
    Raises SettingsFault when `url` is no address of a broker.
    """

    name = "rabbitmq"

    def __init__(
        self,
        url: str,
        subscriptions: Sequence[Subscription],
        *,
        retired: Collection[str] = (),
        topology: Topology | None = None,
    ) -> None:
        self._topology = topology or Topology()
        self._subscriptions = subscriptions
        self._outward = Broker(url, purpose="publisher")
        self._inward = Broker(url, purpose="consumers")
        known = frozenset(name for subscription in subscriptions for name in subscription.types)
        declared = Declarations(self._outward, self._topology, known=known, retired=retired)
        self._declarations = Declarations(self._inward, self._topology, known=known, retired=())
        self._publisher = Publisher(self._outward, self._topology, declared, subscriptions)

    async def publish(self, messages: Sequence[Message]) -> None:
        await self._publisher.publish(messages)

    async def run(self, subscription: Subscription, take: Take) -> None:
        async with asyncio.TaskGroup() as partitions:
            for partition in range(PARTITIONS):
                consumer = PartitionConsumer(
                    self._inward, self._topology, self._declarations, subscription, partition, take
                )
                partitions.create_task(consumer.run())

    async def drain_dead(self, bury: Bury) -> None:
        """Hands what RabbitMQ gave up on to `bury`, until cancelled. Any number of processes may do so."""
        await DeadLetterDrain(self._inward, self._topology, self._declarations, bury).run()

    async def depth(self) -> dict[str, int]:
        counts = {}
        for subscription in self._subscriptions:
            queues = [self._topology.queue(subscription.name, partition) for partition in range(PARTITIONS)]
            counts[subscription.name] = sum((await waiting(self._outward, queues)).values())
        return counts

    async def probe(self) -> dict[str, object]:
        async with self._outward.channel():
            return {"ok": True, "active": self.name}

    async def close(self) -> None:
        await asyncio.gather(self._outward.close(), self._inward.close())
