"""The port between relay and subscribers: PostgreSQL itself (the default) or RabbitMQ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.application.events import PublishedEvent

PARTITIONS = 8
"""Streams are spread over this many; order holds within one. The database's CHECK and the broker's queues agree."""

ALL = frozenset({"*"})
"""Every type of event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What travels. `subscriber` None goes to everyone who asked for this type, else to that one only (a replay).

    Subscribers in `unheard` have nothing to do with it, as the relay found out; a transport may spare them.
    """

    event: PublishedEvent
    partition: int
    subscriber: str | None = None
    unheard: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscriber by name, and the types of event it asks for."""

    name: str
    types: frozenset[str]

    def wants(self, message: Message) -> bool:
        if message.subscriber is not None:
            return message.subscriber == self.name
        if self.name in message.unheard:
            return False
        return self.types == ALL or message.event.type in self.types


Take = Callable[[Sequence[Message]], Awaitable[None]]
"""Handles messages of one partition, in order. When it returns all of them are dealt with (done before, done now, or
in the dead letters); when it raises, none may be forgotten and all come again."""


class Transport(Protocol):
    """At least once, in order per partition and subscriber, one process at a time for each of these pairs."""

    name: str

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when all are durable for every subscription that wants them. Raises Unavailable when that is not
        certain; publishing them again is right then, and harmless."""
        ...

    async def run(self, subscription: Subscription, take: Take) -> None:
        """Feeds `take` until cancelled. Connections that are lost are made anew, for as long as it takes."""
        ...

    async def depth(self) -> dict[str, int]:
        """Messages that wait, by subscriber. Raises Unavailable."""
        ...

    async def probe(self) -> Mapping[str, object]:
        """Whether it carries anything now, for /health. Raises Unavailable."""
        ...

    async def close(self) -> None: ...
