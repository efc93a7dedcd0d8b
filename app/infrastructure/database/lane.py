"""Group commit: commands of one tenant that arrive while a transaction is in flight share the next one.

See PostgreSQL's own `commit_delay` and DeWitt et al., "Implementation Techniques for Main Memory Database Systems"
(SIGMOD 1984), section 5.2. Everything a command needs travels in its envelope; the task that runs a batch has no
tenant, actor or request id of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any

from app.infrastructure.database.pipeline import Failure, Outcome
from app.shared.errors import Overloaded
from app.shared.ids import TenantId
from app.shared.mediator import Envelope

MAX_BATCH = 128
"""Commands per transaction: beyond this the rows of one statement cost more than the commit they share."""

TENANTS_RUSHING = 8
"""How many tenants' queues may be full at once in one process."""

Waiting = tuple[Envelope, "asyncio.Future[Outcome]"]
RunMany = Callable[[Sequence[Envelope]], Awaitable[list[Outcome]]]


class Lane:
    """One queue per tenant; one transaction in flight per queue and process.

    `max_queued` bounds each tenant's queue, so that one tenant's rush is not another's 503; all queues together are
    bounded by `TENANTS_RUSHING` times that.
    """

    def __init__(self, run_many: RunMany, *, max_queued: int) -> None:
        self._run_many = run_many
        self._max_queued = max_queued
        self._queues: dict[TenantId | None, deque[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._queued = 0

    async def submit(self, envelope: Envelope) -> Outcome:
        """Raises Overloaded when too many commands wait, else as the command's handler does."""
        tenant = envelope.context.tenant_id
        queue = self._queues.get(tenant)
        full = queue is not None and len(queue) >= self._max_queued
        if full or self._queued >= TENANTS_RUSHING * self._max_queued:
            raise Overloaded("Too many orders are waiting; repeat the request shortly.", retry_after=1)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queued += 1
        if queue is None:
            self._queues[tenant] = deque([(envelope, future)])
            self._start(tenant)
        else:
            queue.append((envelope, future))
        outcome = await future
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    async def drain(self) -> None:
        """Waits until everything submitted is answered."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _start(self, tenant: TenantId | None) -> None:
        task = asyncio.get_running_loop().create_task(self._work(tenant), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, tenant: TenantId | None) -> None:
        queue = self._queues[tenant]
        while queue:
            batch = [queue.popleft() for _ in range(min(len(queue), MAX_BATCH))]
            self._queued -= len(batch)
            await self._answer(batch)
        del self._queues[tenant]

    async def _answer(self, batch: list[Waiting]) -> None:
        wanted = [(envelope, future) for envelope, future in batch if not future.done()]
        if not wanted:
            return
        try:
            outcomes: list[Any] = await self._run_many([envelope for envelope, _ in wanted])
        except Exception as error:  # noqa: BLE001 — handed to every caller that waits
            outcomes = [Failure(error)] * len(wanted)
        for (_, future), outcome in zip(wanted, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
