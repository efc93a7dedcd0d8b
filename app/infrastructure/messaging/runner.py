"""Hands messages to subscribers: effect and inbox row in one transaction, a few tries, then the dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

import structlog

from app.application.events import Policy, Process
from app.application.ports import IdSource
from app.application.signals import Signals
from app.infrastructure.database.dispatch import Subscriber
from app.infrastructure.database.pool import Database
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.messaging.dead_letters import DeadLetters
from app.infrastructure.messaging.transport import Message, Take
from app.infrastructure.observability.traces import continued
from app.shared.errors import AppError, Unavailable
from app.shared.ids import TenantId
from app.shared.mediator import Mediator, Sender
from app.shared.tenant_context import RequestContext, system_context

TRIES = 5
FIRST_PAUSE = 0.1
"""Seconds before the second try; doubled before each further one."""
AT_ONCE = 32
"""Reactions of a process that run side by side, in one partition."""

_FRESH = """
    INSERT INTO inbox (tenant_id, subscriber, message_id) SELECT $1, $2, v FROM unnest($3::uuid[]) AS v
    ON CONFLICT DO NOTHING RETURNING message_id
"""
_HANDLED = "SELECT message_id FROM inbox WHERE tenant_id = $1 AND subscriber = $2 AND message_id = ANY($3)"

MakePolicy = Callable[[Scope], Policy]
MakeProcess = Callable[[Sender], Process]

_log = structlog.get_logger("hello_ticket.subscribers")


class Runner:
    """Makes each subscriber's `Take`. A subscriber that fails for want of a database or a broker is simply asked again;
    any other failure is tried TRIES times and then buried, so that it holds up nobody."""

    def __init__(
        self, database: Database, mediator: Mediator, ids: IdSource, signals: Signals, dead_letters: DeadLetters
    ) -> None:
        self._database = database
        self._mediator = mediator
        self._ids = ids
        self._signals = signals
        self._dead_letters = dead_letters

    def take_for(self, name: str, subscriber: Subscriber) -> Take:
        """Raises ValueError for a subscriber that is neither a policy nor a process."""
        if subscriber.policy is not None:
            return partial(self._policy, name, subscriber.policy)
        if subscriber.process is not None:
            return partial(self._process, name, subscriber.process)
        raise ValueError(f"{name} does not say how it reacts")

    async def _policy(self, name: str, make: MakePolicy, messages: Sequence[Message]) -> None:
        """A transaction for each tenant's; when one message spoils it, they run alone, in order."""
        for tenant_id, group in _by_tenant(messages).items():
            try:
                await self._together(name, make, tenant_id, group)
            except Exception as error:
                if _passes(error):
                    raise
                for message in group:
                    await self._alone(name, make, message)

    async def _alone(self, name: str, make: MakePolicy, message: Message) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                await self._together(name, make, message.event.tenant_id, [message])
            except Exception as error:
                if _passes(error):
                    raise
                await self._failed(name, message, error, attempt)
            else:
                return

    async def _together(self, name: str, make: MakePolicy, tenant_id: TenantId, messages: Sequence[Message]) -> None:
        async with self._database.transaction(tenant_id) as connection:
            ids = [message.event.id for message in messages]
            fresh = {row["message_id"] for row in await connection.fetch(_FRESH, tenant_id, name, ids)}
            work = UnitOfWork(connection, tenant_id, self._ids)
            for message in messages:
                if message.event.id in fresh:
                    fresh.discard(message.event.id)
                    scope = Scope(work, context_of(message))
                    with continued(f"react {name}", message.event.traceparent):
                        await make(scope).react(message.event)
                    scope.close()
            writes = Writes(connection)
            await work.flush(writes)
            await writes.send()
        for topic in work.announced:
            self._signals.announce(topic)

    async def _process(self, name: str, make: MakeProcess, messages: Sequence[Message]) -> None:
        """Streams side by side, the messages of one stream in order."""
        turns = asyncio.Semaphore(AT_ONCE)
        ordered = sorted(messages, key=lambda message: message.event.stream_id)  # stable: versions stay in order
        streams = [list(group) for _, group in groupby(ordered, key=lambda message: message.event.stream_id)]

        async def work_off(stream: list[Message]) -> None:
            async with turns:
                for message in stream:
                    await self._once(name, make, message)

        results = await asyncio.gather(*map(work_off, streams), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _once(self, name: str, make: MakeProcess, message: Message) -> None:
        event = message.event
        for attempt in range(1, TRIES + 1):
            try:
                if await self._is_handled(name, message):
                    return
                with continued(f"react {name}", event.traceparent):
                    await make(Sender(self._mediator, context_of(message))).react(event)
                await self._mark_handled(name, message)
            except Exception as error:
                if _passes(error):
                    raise
                await self._failed(name, message, error, attempt)
            else:
                return

    async def _is_handled(self, name: str, message: Message) -> bool:
        event = message.event
        async with self._database.transaction(event.tenant_id, read_only=True) as connection:
            return bool(await connection.fetch(_HANDLED, event.tenant_id, name, [event.id]))

    async def _mark_handled(self, name: str, message: Message) -> None:
        event = message.event
        async with self._database.transaction(event.tenant_id) as connection:
            await connection.fetch(_FRESH, event.tenant_id, name, [event.id])

    async def _failed(self, name: str, message: Message, error: Exception, attempt: int) -> None:
        event = message.event
        told = {"subscriber": name, "type": event.type, "message_id": str(event.id), "request_id": event.request_id}
        if attempt < TRIES:
            _log.warning("reaction_failed", attempt=attempt, error=type(error).__name__, **told)
            await asyncio.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            return
        _log.error("message_buried", exc_info=error, **told)
        await self._dead_letters.bury(name, message, _reason(error), attempt)


def _passes(error: Exception) -> bool:
    """Nothing is wrong with the message: what is needed to deal with it is away."""
    return isinstance(error, Unavailable)


def _reason(error: Exception) -> str:
    """An expected failure in its own words; of a defect the kind only, its words may hold what nobody should read."""
    return f"{error.code}: {error.message}" if isinstance(error, AppError) else type(error).__name__


def _by_tenant(messages: Sequence[Message]) -> dict[TenantId, list[Message]]:
    groups: dict[TenantId, list[Message]] = {}
    for message in messages:
        groups.setdefault(message.event.tenant_id, []).append(message)
    return groups


def context_of(message: Message) -> RequestContext:
    """The system's, under the request id that caused the event: one id from the answer to the last reaction."""
    event = message.event
    return replace(system_context(event.tenant_id, event.request_id), traceparent=event.traceparent)
