"""Declares what a connection needs, once for each connection and subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from weakref import WeakKeyDictionary

from aio_pika.abc import AbstractConnection

from app.infrastructure.messaging.broker import Broker, speaking
from app.infrastructure.messaging.rabbitmq_topology import Topology
from app.infrastructure.messaging.transport import Subscription

_ENDS = ""


class Declarations:
    """A broker that lost everything has all of it again when connections to it are made again."""

    def __init__(self, broker: Broker, topology: Topology, *, known: Collection[str], retired: Collection[str]) -> None:
        self._broker = broker
        self._topology = topology
        self._known = known
        self._retired = retired
        self._done: WeakKeyDictionary[AbstractConnection, set[str]] = WeakKeyDictionary()
        self._cleared: set[str] = set()
        self._turn = asyncio.Lock()

    async def ensure(self, *subscriptions: Subscription) -> None:
        """Raises Unavailable."""
        async with self._turn:
            done = self._done.setdefault(await self._broker.connection(), set())
            if _ENDS not in done:
                await self._ends()
                done.add(_ENDS)
            for subscription in subscriptions:
                if subscription.name not in done:
                    await self._one(subscription)
                    done.add(subscription.name)

    def forget(self) -> None:
        """Something is missing on the broker: all is declared again."""
        self._done.clear()

    async def _ends(self) -> None:
        async with self._broker.channel() as channel:
            with speaking():
                await self._topology.declare_ends(channel)
                for subscriber in self._retired:
                    await self._topology.retire(channel, subscriber)

    async def _one(self, subscription: Subscription) -> None:
        """Earlier types are unbound once in a process: a release that is on its way out, and only lost its connection,
        must not take away what the next one has bound.
        """
        async with self._broker.channel() as channel:
            with speaking():
                await self._topology.declare(channel, subscription)
                if subscription.name not in self._cleared:
                    await self._topology.unbind(channel, subscription, self._known)
                    self._cleared.add(subscription.name)
