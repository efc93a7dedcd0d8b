"""Processes that relay and react, several in one loop; what they share is the database, as in production."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from app.application.events import PublishedEvent
from app.container import TimeOrderedIds
from app.infrastructure.database.dispatch import Subscriber
from app.infrastructure.database.pool import Database
from app.infrastructure.database.scope import Scope
from app.infrastructure.messaging.dead_letters import DeadLetters
from app.infrastructure.messaging.leases import Leases
from app.infrastructure.messaging.outbox import Outbox
from app.infrastructure.messaging.postgres_transport import PostgresTransport
from app.infrastructure.messaging.relay import Relay
from app.infrastructure.messaging.runner import Runner
from app.infrastructure.messaging.transport import PARTITIONS, Message, Subscription
from app.infrastructure.signals.local import LocalSignals
from app.shared.mediator import Mediator
from tests.support.fakes import NOON

PATIENCE = 30
IDS = TimeOrderedIds()
NO_MEDIATOR = Mediator({})

EFFECTS = """
    CREATE TABLE effects (
        n BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY, tenant_id UUID NOT NULL, subscriber TEXT NOT NULL,
        message_id UUID NOT NULL, stream_id UUID NOT NULL, version INTEGER NOT NULL
    );
    GRANT SELECT, INSERT ON effects TO hello_app
"""
"""What subscribers of these tests leave behind; nothing in it is unique, so that a double shows."""
_EFFECT = "INSERT INTO effects (tenant_id, subscriber, message_id, stream_id, version) VALUES ($1, $2, $3, $4, $5)"
_EVENT = """
    INSERT INTO events (tenant_id, stream_id, version, stream, type, data, metadata, occurred_at)
    VALUES ($1, $2, $3, 'thing', $4, '{"word": "hello"}', $5, now())
"""
_OUTBOX = """
    INSERT INTO outbox (tenant_id, id, stream_id, version, type, request_id, occurred_at)
    VALUES ($1, $2, $3, $4, $5, $6, now())
"""
_METADATA = '{"actor_id": "00000000-0000-0000-0000-000000000000", "actor_kind": "system"}'


async def happened(
    database: Database,
    tenant_id: UUID,
    stream_id: UUID | None = None,
    *versions: int,
    type_: str = "thing.happened",
    request_id: str = "a request",
    then: Exception | None = None,
    ids: Sequence[UUID] | None = None,
) -> UUID:
    """Events of one stream, committed with their outbox rows in one transaction; with `then` it is rolled back."""
    stream = stream_id or uuid4()
    async with database.transaction(tenant_id) as connection:
        for number, version in enumerate(versions or (1,)):
            await connection.execute(_EVENT, tenant_id, stream, version, type_, _METADATA)
            row_id = ids[number] if ids else IDS.new()
            await connection.execute(_OUTBOX, tenant_id, row_id, stream, version, type_, request_id)
        if then is not None:
            raise then
    return stream


def an_event(tenant_id: UUID, **values: Any) -> PublishedEvent:
    usual: dict[str, Any] = {
        "id": IDS.new(),
        "tenant_id": tenant_id,
        "type": "thing.happened",
        "stream": "thing",
        "stream_id": uuid4(),
        "version": 1,
        "occurred_at": NOON,
        "request_id": "a request",
        "actor_id": UUID(int=0),
        "actor_kind": "system",
        "data": {"word": "hello"},
    }
    return PublishedEvent(**(usual | values))


def a_message(tenant_id: UUID, **values: Any) -> Message:
    event = an_event(tenant_id, **values)
    return Message(event=event, partition=event.stream_id.bytes[15] % PARTITIONS)


Faults = Callable[[PublishedEvent], None]


@dataclass(slots=True)
class Reaction:
    """A policy that writes an effect, and then fails if `fault` says so."""

    scope: Scope
    name: str
    fault: Faults

    async def react(self, event: PublishedEvent) -> None:
        row = event.tenant_id, self.name, event.id, event.stream_id, event.version
        await self.scope.connection.execute(_EFFECT, *row)
        self.fault(event)


def nothing_wrong(_: PublishedEvent) -> None:
    """The usual fault."""


def policy(name: str = "test", fault: Faults = nothing_wrong) -> Mapping[str, Subscriber]:
    return {name: Subscriber(types=frozenset({"*"}), policy=lambda scope: Reaction(scope, name, fault))}


async def effects(database: Database, tenant_id: UUID, name: str = "test") -> list[tuple[UUID, int]]:
    """Stream and version of each, in the order in which they were written."""
    async with database.transaction(tenant_id, read_only=True) as connection:
        rows = await connection.fetch(
            "SELECT stream_id, version FROM effects WHERE tenant_id = $1 AND subscriber = $2 ORDER BY n",
            tenant_id,
            name,
        )
    return [(row["stream_id"], row["version"]) for row in rows]


def in_order(found: Sequence[tuple[UUID, int]]) -> bool:
    """Of each stream 1, 2, 3 …, none twice and none left out."""
    last: dict[UUID, int] = {}
    for stream, version in found:
        if version != last.get(stream, 0) + 1:
            return False
        last[stream] = version
    return True


async def until(true: Callable[[], Awaitable[object]], what: str = "it") -> None:
    deadline = time.monotonic() + PATIENCE
    while not await true():
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        await asyncio.sleep(0.01)


@dataclass(slots=True)
class Peer:
    """One process; its signals reach nobody else, as when their carrier is away."""

    database: Database
    subscribers: Mapping[str, Subscriber]
    mediator: Mediator = NO_MEDIATOR
    signals: LocalSignals = field(default_factory=LocalSignals)
    holder: UUID = field(default_factory=uuid4)
    leases: Leases = field(init=False)
    transport: PostgresTransport = field(init=False)
    relay: Relay = field(init=False)
    runner: Runner = field(init=False)
    dead_letters: DeadLetters = field(init=False)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.leases = Leases(self.database, self.holder, kind="worker")
        self.dead_letters = DeadLetters(self.database, IDS)
        self.transport = PostgresTransport(
            self.database, self.leases, self.signals, self.subscriptions, self.dead_letters.bury
        )
        self.relay = Relay(Outbox(self.database, self.subscribers), self.transport, self.leases)
        self.runner = Runner(self.database, self.mediator, IDS, self.signals, self.dead_letters)

    @property
    def subscriptions(self) -> list[Subscription]:
        return [Subscription(name=name, types=one.types) for name, one in self.subscribers.items()]

    def start(self) -> None:
        works: list[Awaitable[None]] = [self.relay.run()]
        for subscription in self.subscriptions:
            take = self.runner.take_for(subscription.name, self.subscribers[subscription.name])
            works.append(self.transport.run(subscription, take))
        self.tasks = [asyncio.ensure_future(work) for work in (*works, self.leases.run())]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []

    async def die(self) -> None:
        """As by kill -9: nothing is given back, and what was under way is rolled back by the server."""

        async def nothing() -> None:
            return

        self.leases._release = nothing  # type: ignore[method-assign]
        await self.stop()


@asynccontextmanager
async def at_work(*peers: Peer) -> AsyncGenerator[None]:
    for peer in peers:
        peer.start()
    try:
        yield
    finally:
        for peer in peers:
            await peer.stop()


async def unpublished(database: Database) -> int:
    async with database.transaction(None, role="worker", read_only=True) as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
    return found
