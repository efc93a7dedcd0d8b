"""The smallest context there is: a command that writes a note, and every way in which it can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from app.application.ports import Clock, IdSource
from app.container import SystemClock, TimeOrderedIds
from app.domain.kernel import AggregateRoot, DomainEvent
from app.infrastructure.database.dispatch import Routes, build_mediator
from app.infrastructure.database.pool import Database
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.signals.local import LocalSignals
from app.shared.errors import AppError
from app.shared.ids import TenantId
from app.shared.mediator import Answer, Command, IdempotencyKey, Mediator, Message, Refused, Reply
from app.shared.tenant_context import RequestContext, request_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(DomainEvent):
    type: ClassVar[str] = "note.written"
    text: object


@dataclass(slots=True, eq=False, kw_only=True)
class Note(AggregateRoot):
    id: UUID
    sql_at_flush: str | None

    def write(self, text: object) -> None:
        self._record(Noted(text=text, occurred_at=datetime.now(UTC)))


class NoteMapper:
    """Notes have no table: their events are all there is."""

    stream = "note"

    def key(self, note: Note) -> UUID:
        return note.id

    async def insert(self, writes: Writes, tenant_id: TenantId, notes: Sequence[Note]) -> None:
        for note in notes:
            if note.sql_at_flush is not None:
                await writes.connection.execute(note.sql_at_flush)

    async def update(self, writes: Writes, tenant_id: TenantId, notes: Sequence[Note]) -> None:
        raise AssertionError("notes are written once")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteNote(Command[str]):
    """Leave a note, or fail at the named step."""

    text: object
    id: UUID = field(default_factory=uuid4)
    first_raise: Exception | None = None
    sql: str | None = None
    then_raise: Exception | None = None
    sql_at_flush: str | None = None
    refused: AppError | None = None


_MAPPER = NoteMapper()


@dataclass(slots=True)
class Notebook:
    """A mediator for notes; `transactions` says in which transaction each note's handler last ran.

    While `open` is not set, whoever prepares a batch waits, so that the next ones meet in one batch.
    """

    database: Database
    constraints: dict[str, AppError] = field(default_factory=dict)
    repeat_on: tuple[str, ...] = ()
    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=TimeOrderedIds)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    preparing: asyncio.Event = field(default_factory=asyncio.Event)
    runs: list[tuple[object, str]] = field(default_factory=list)
    in_lane: bool = True
    bus: Mediator = field(init=False)

    def __post_init__(self) -> None:
        self.open.set()
        routes = Routes()
        for name, error in self.constraints.items():
            routes.constraint(name, error)
        for name in self.repeat_on:
            routes.repeat_on(name)
        routes.command(WriteNote, lambda scope: _WriteNote(self, scope), prepare=self._wait if self.in_lane else None)
        self.bus = build_mediator(routes, self.database, self.clock, self.ids, LocalSignals(), max_queued=1_000)

    @property
    def transactions(self) -> dict[object, str]:
        return dict(self.runs)

    async def together(self, *sends: Callable[[], Awaitable[Any]]) -> list[Any]:
        """All of them in one batch, in this order; errors are results."""
        self.open.clear()
        self.preparing.clear()
        blocker = asyncio.create_task(self.bus.send(WriteNote(text="blocker"), self._blocking_context))
        await self.preparing.wait()
        tasks = [asyncio.ensure_future(send()) for send in sends]
        await asyncio.sleep(0)
        self.open.set()
        await blocker
        return await asyncio.gather(*tasks, return_exceptions=True)

    _blocking_context: RequestContext = field(default_factory=RequestContext)

    def for_tenant(self, context: RequestContext) -> Notebook:
        self._blocking_context = context
        return self

    async def _wait(self, work: UnitOfWork, messages: Sequence[Message[Any]]) -> None:
        self.preparing.set()
        await self.open.wait()

    async def answer(
        self, command: WriteNote, context: RequestContext, key: str | None = None, body: bytes = b""
    ) -> Answer:
        """As a route sends it; `body` is what the key's fingerprint is of."""
        idempotency = IdempotencyKey(key, body, lambda stored: stored == body) if key else None
        token = request_context.set(context)
        try:
            return await self.bus.answer(command, Reply(_render, idempotency))
        finally:
            request_context.reset(token)


def _render(text: str) -> Answer:
    if text == "unprintable":
        raise RuntimeError("the renderer is broken")
    return Answer(201, text.encode(), (("etag", '"1"'),))


@dataclass(slots=True)
class _WriteNote:
    book: Notebook
    scope: Scope

    async def handle(self, command: WriteNote) -> Any:
        self.book.runs.append((command.text, await self.scope.connection.fetchval("SELECT pg_current_xact_id()::text")))
        if command.first_raise is not None:
            raise command.first_raise
        note = Note(id=command.id, sql_at_flush=command.sql_at_flush)
        note.write(command.text)
        self.scope.track(note, _MAPPER, new=True)
        if command.sql is not None:
            await self.scope.connection.execute(command.sql)
        if command.then_raise is not None:
            raise command.then_raise
        return Refused(command.refused) if command.refused is not None else command.text
