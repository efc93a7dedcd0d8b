"""The unit of work: one transaction of one tenant, shared by the one or many commands it commits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from app.application.ports import IdSource
from app.application.signals import Topic
from app.domain.kernel import AggregateRoot
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.journal import Attempt, Recorded, write_journal
from app.infrastructure.database.pool import tenant_setting
from app.infrastructure.database.writer import Writes
from app.shared.ids import TenantId
from app.shared.tenant_context import RequestContext

T = TypeVar("T")
A_contra = TypeVar("A_contra", bound=AggregateRoot, contravariant=True)


class Mapper(Protocol[A_contra]):
    """Writes one kind of aggregate, all rows of a commit at once. `stream` is its name in the event store."""

    stream: str

    def key(self, aggregate: A_contra, /) -> UUID: ...

    async def insert(self, writes: Writes, tenant_id: TenantId, aggregates: Sequence[A_contra], /) -> None: ...

    async def update(self, writes: Writes, tenant_id: TenantId, aggregates: Sequence[A_contra], /) -> None:
        """ConcurrentChange, when the writes are sent, if a row is not at the aggregate's `stored_version`."""
        ...


@dataclass(slots=True)
class _Tracked:
    aggregate: AggregateRoot
    mapper: Mapper[Any]
    new: bool


@dataclass(slots=True)
class UnitOfWork:
    connection: Connection
    tenant_id: TenantId
    ids: IdSource
    changes: int = 0
    announced: set[Topic] = field(default_factory=set)
    _tracked: dict[int, _Tracked] = field(default_factory=dict)
    _recorded: list[Recorded] = field(default_factory=list)
    _attempts: list[Attempt] = field(default_factory=list)
    _parts: dict[type, object] = field(default_factory=dict)
    _on_flush: list[Callable[[Writes], Awaitable[None]]] = field(default_factory=list)

    def part(self, kind: type[T], make: Callable[[UnitOfWork], T]) -> T:
        """The one instance of `kind` in this transaction, such as the shelf all its commands take from."""
        found = self._parts.get(kind)
        if found is None:
            found = self._parts[kind] = make(self)
        return cast(T, found)

    def on_flush(self, write: Callable[[Writes], Awaitable[None]]) -> None:
        """For rows that belong to no aggregate: counters, password hashes, revocations."""
        self._on_flush.append(write)

    def announce(self, topic: Topic) -> None:
        """Wakes whoever listens, once this transaction is committed."""
        self.announced.add(topic)

    async def switch_tenant(self, tenant_id: TenantId) -> None:
        """What is written from here on belongs to `tenant_id`: only a tenant's creation needs this."""
        await self.connection.execute(tenant_setting(tenant_id))
        self.tenant_id = tenant_id

    async def flush(self, writes: Writes) -> None:
        """Hands everything that changed to `writes`."""
        for write in self._on_flush:
            await write(writes)
        for mapper, new, aggregates in self._by_mapper():
            await (mapper.insert if new else mapper.update)(writes, self.tenant_id, aggregates)
        write_journal(writes, self.tenant_id, self._recorded, self._attempts, self.ids)
        if self._recorded:
            self.announce(Topic.OUTBOX)

    def _by_mapper(self) -> list[tuple[Mapper[Any], bool, list[AggregateRoot]]]:
        """Changed aggregates, one group for each kind of write."""
        groups: dict[tuple[int, bool], tuple[Mapper[Any], bool, list[AggregateRoot]]] = {}
        for tracked in self._tracked.values():
            if tracked.aggregate.pending_events:
                key = id(tracked.mapper), tracked.new
                groups.setdefault(key, (tracked.mapper, tracked.new, []))[2].append(tracked.aggregate)
        return list(groups.values())


@dataclass(slots=True)
class Scope:
    """What one command's handler works in: the shared transaction, and this command's own context."""

    work: UnitOfWork
    context: RequestContext
    _touched: dict[int, tuple[_Tracked, int]] = field(default_factory=dict)
    _changes_before: int = field(init=False)

    def __post_init__(self) -> None:
        self._changes_before = self.work.changes

    @property
    def connection(self) -> Connection:
        return self.work.connection

    @property
    def tenant_id(self) -> TenantId:
        return self.work.tenant_id

    def track(self, aggregate: AggregateRoot, mapper: Mapper[Any], *, new: bool = False) -> None:
        """Repositories call this for everything added or loaded, so no handler can forget to save."""
        tracked = self.work._tracked.setdefault(id(aggregate), _Tracked(aggregate, mapper, new))  # noqa: SLF001 — two halves of one thing
        before = 0 if new else len(aggregate.pending_events)
        self._touched.setdefault(id(aggregate), (tracked, before))

    def attempted(self, action: str, *, target_kind: str, target_id: UUID, outcome: str, at: datetime) -> None:
        self.work._attempts.append(  # noqa: SLF001 — two halves of one thing
            Attempt(
                context=self.context,
                action=action,
                target_kind=target_kind,
                target_id=target_id,
                outcome=outcome,
                at=at,
            )
        )

    @property
    def changed_something(self) -> bool:
        """A handler that refuses after this is true has spoiled what its neighbours share."""
        events = any(len(tracked.aggregate.pending_events) > before for tracked, before in self._touched.values())
        return events or self.work.changes > self._changes_before

    def close(self) -> None:
        """Takes down the events of this command as this command's doing."""
        for tracked, before in self._touched.values():
            aggregate, mapper = tracked.aggregate, tracked.mapper
            fresh = aggregate.pending_events[before:]
            first = aggregate.version - len(fresh) + 1
            self.work._recorded.extend(  # noqa: SLF001 — two halves of one thing
                Recorded(self.context, mapper.stream, mapper.key(aggregate), version, event)
                for version, event in enumerate(fresh, first)
            )
