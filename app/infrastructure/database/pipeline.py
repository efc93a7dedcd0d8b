"""From envelope to commit: idempotency, handler, rendering and all writes inside one transaction."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.application.ports import Clock, IdSource
from app.application.signals import Signals
from app.infrastructure.database.idempotency import remember, settled
from app.infrastructure.database.pool import Database, tenant_setting
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import Writes
from app.infrastructure.observability.traces import continued
from app.shared.errors import AppError, ConcurrentChange, Unavailable
from app.shared.ids import TenantId
from app.shared.mediator import Answer, Envelope, Handler, Message, Refused

MakeHandler = Callable[[Scope], Handler[Any, Any]]
Prepare = Callable[[UnitOfWork, Sequence[Message[Any]]], Awaitable[None]]
"""Loads and locks, for all commands of a batch at once, what their handlers will ask for."""

RETRIED = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # a migration changed a table under a prepared plan
)
ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """A member's error. Only what a `Refused` handler left on purpose was committed."""

    error: Exception


Outcome = Any
"""A handler's result, an Answer, or a Failure."""


class _Spoiled(Exception):
    """A member changed something shared and then failed."""


class NoTenant(RuntimeError):
    """A command was sent without a tenant: a defect in the caller, since the edge always names one."""


class Pipeline:
    """Runs one command, or many of one tenant, in one transaction."""

    def __init__(
        self,
        database: Database,
        makers: dict[type, MakeHandler],
        constraints: dict[str, AppError],
        made_anew: Collection[str],
        clock: Clock,
        ids: IdSource,
        signals: Signals,
    ) -> None:
        self._database = database
        self._makers = makers
        self._constraints = constraints
        self._made_anew = made_anew
        self._clock = clock
        self._ids = ids
        self._signals = signals

    async def run_one(self, envelope: Envelope, prepare: Prepare | None = None) -> Outcome:
        """Raises the handler's AppError after rolling back, or after committing when it was `Refused`."""
        try:
            outcome = (await self._retrying([envelope], prepare))[0]
        except asyncpg.IntegrityConstraintViolationError as error:
            raise self._meaning(error, str(error.constraint_name)) from error
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    async def run_many(self, envelopes: Sequence[Envelope], prepare: Prepare) -> list[Outcome]:
        """One commit for all; when one spoils it, each runs alone, in order, so that it harms nobody else."""
        if len(envelopes) == 1:
            return [await self._alone(envelopes[0], prepare)]
        try:
            return await self._retrying(envelopes, prepare)
        except Unavailable:
            raise  # there is no database to run them alone on
        except Exception:  # noqa: BLE001 — whoever caused it meets it again, alone
            return await self._one_by_one(envelopes, prepare)

    async def _one_by_one(self, envelopes: Sequence[Envelope], prepare: Prepare) -> list[Outcome]:
        """When the database is gone meanwhile, the rest is not tried: each could wait for a time-out of its own."""
        outcomes: list[Outcome] = []
        gone: Failure | None = None
        for envelope in envelopes:
            outcomes.append(gone or await self._alone(envelope, prepare))
            gone = _gone(outcomes[-1])
        return outcomes

    async def _alone(self, envelope: Envelope, prepare: Prepare) -> Outcome:
        try:
            return await self.run_one(envelope, prepare)
        except Exception as error:  # noqa: BLE001 — handed to the caller that waits for it
            return Failure(error)

    def _meaning(self, error: Exception, name: str) -> Exception:
        """The domain error of the constraint that was broken, if it has one."""
        if name in self._constraints:
            return copy(self._constraints[name])
        return error

    async def _retrying(self, envelopes: Sequence[Envelope], prepare: Prepare | None) -> list[Outcome]:
        attempt = 1
        while True:
            try:
                with continued(
                    "commit", envelopes[0].context.traceparent
                ):  # a batch's statements are its first member's
                    return await self._transaction(envelopes, prepare)
            except (*RETRIED, asyncpg.UniqueViolationError) as error:
                if isinstance(error, asyncpg.UniqueViolationError) and error.constraint_name not in self._made_anew:
                    raise
                if attempt == ATTEMPTS:
                    raise ConcurrentChange("Too many changes at the same time; repeat the request.") from error
            await asyncio.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 — spreads rivals, guards nothing
            attempt += 1

    async def _transaction(self, envelopes: Sequence[Envelope], prepare: Prepare | None) -> list[Outcome]:
        tenant_id = envelopes[0].context.tenant_id
        if tenant_id is None:
            raise NoTenant(type(envelopes[0].message).__name__)
        async with self._database.transaction(tenant_id) as connection:
            work = UnitOfWork(connection, tenant_id, self._ids)
            outcomes: dict[int, Outcome] = {}
            for position, known in (await settled(connection, tenant_id, envelopes)).items():
                outcomes[position] = Failure(known) if isinstance(known, AppError) else known
            fresh = [(n, envelope) for n, envelope in enumerate(envelopes) if n not in outcomes]
            if prepare and fresh:
                await prepare(work, [envelope.message for _, envelope in fresh])
            for position, envelope in fresh:
                outcomes[position] = await self._decide(work, envelope, alone=len(envelopes) == 1)
            await self._write(work, tenant_id, [(envelope, outcomes[n]) for n, envelope in fresh])
        for topic in work.announced:
            self._signals.announce(topic)
        return [outcomes[position] for position in range(len(envelopes))]

    async def _decide(self, work: UnitOfWork, envelope: Envelope, *, alone: bool) -> Outcome:
        scope = Scope(work, envelope.context)
        handler = self._makers[type(envelope.message)](scope)
        try:
            outcome = _told(envelope, await handler.handle(envelope.message))
        except AppError as error:
            if alone:
                raise
            if scope.changed_something:
                raise _Spoiled from error
            return Failure(error)
        except Exception as error:
            if alone:
                raise
            raise _Spoiled from error
        scope.close()
        return outcome

    async def _write(self, work: UnitOfWork, tenant_id: TenantId, members: Sequence[tuple[Envelope, Outcome]]) -> None:
        writes = Writes(work.connection)
        await work.flush(writes)
        if work.tenant_id != tenant_id:  # the answer belongs to the tenant that asked
            await writes.send()
            await work.connection.execute(tenant_setting(tenant_id))
        answered = [(envelope, outcome) for envelope, outcome in members if isinstance(outcome, Answer)]
        remember(writes, tenant_id, answered, self._clock.now())
        await writes.send()


def _told(envelope: Envelope, result: Any) -> Outcome:
    if isinstance(result, Refused):
        return Failure(result.error)
    return envelope.reply.render(result) if envelope.reply else result


def _gone(outcome: Outcome) -> Failure | None:
    lost = isinstance(outcome, Failure) and isinstance(outcome.error, Unavailable)
    return outcome if lost else None
