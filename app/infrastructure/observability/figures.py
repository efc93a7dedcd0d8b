"""Figures from the database for /metrics: asked when somebody scrapes, at most every few seconds, never in the way.

A group that takes long is asked seldom: no more than a fiftieth of the time is spent on it. What can't be read is left
out rather than shown as it was, so that `absent()` can tell.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from uuid import UUID

import structlog

from app.infrastructure.database.pool import Database
from app.infrastructure.observability.catalogue import FIGURES_AGE, Metric
from app.infrastructure.observability.tally import Labels

Values = Mapping[Metric, Mapping[Labels, float]]
Ask = Callable[[], Awaitable[Values]]
AskTenant = Callable[[Database, UUID], Awaitable[Values]]
Clock = Callable[[], float]

PATIENCE = 1.0
"""Seconds that a scrape waits for fresh figures; then it shows what was known before."""

EVERY = 10.0
SHARE = 50
TURN = 0.25
"""Seconds of one turn of a walk over all tenants; the next one goes on from there."""

_TENANTS = "SELECT id FROM tenants ORDER BY id"

_log = structlog.get_logger("hello_ticket.metrics")


class Group:
    """Figures that are read together."""

    def __init__(self, name: str, ask: Ask, *, every: float = EVERY, clock: Clock = time.monotonic) -> None:
        self.name = name
        self.values: Values = {}
        self.read_at: float | None = None
        self._ask = ask
        self._every = every
        self._clock = clock
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None

    def refreshing(self) -> asyncio.Task[None] | None:
        """The reading under way, begun now if it is due; None when what is known is fresh."""
        if self._task is not None and not self._task.done():
            return self._task
        if self._clock() < self._due:
            return None
        self._task = asyncio.create_task(self._refresh(), name=f"figures {self.name}")
        return self._task

    async def _refresh(self) -> None:
        began = self._clock()
        try:
            self.values = await self._ask()
            self.read_at = self._clock()
        except Exception as error:  # noqa: BLE001 — a scrape tells what else there is to tell
            _log.warning("figures_missing", figures=self.name, error=type(error).__name__)
            self.values, self.read_at = {}, None
        ended = self._clock()
        self._due = ended + max(self._every, SHARE * (ended - began))


class DatabaseFigures:
    def __init__(self, groups: Sequence[Group], *, patience: float = PATIENCE, clock: Clock = time.monotonic) -> None:
        self._groups = groups
        self._patience = patience
        self._clock = clock

    async def read(self) -> Values:
        tasks = [task for group in self._groups if (task := group.refreshing())]
        if tasks:
            await asyncio.wait(tasks, timeout=self._patience)
        now = self._clock()
        ages: Mapping[Labels, float] = {
            (group.name,): now - group.read_at for group in self._groups if group.read_at is not None
        }
        return summed([*(group.values for group in self._groups), {FIGURES_AGE: ages}])


class TenantWalk:
    """Asks as the application, tenant by tenant, so that no policy is widened for a number on a dashboard.

    Shows the sums of the last whole walk; nothing before the first one is over.
    """

    def __init__(
        self, database: Database, ask: AskTenant, none: Values, *, turn: float = TURN, clock: Clock = time.monotonic
    ) -> None:
        """`none` is what there is without any tenant."""
        self._database = database
        self._ask = ask
        self._none = none
        self._turn = turn
        self._clock = clock
        self._left: list[UUID] = []
        self._sums: Values = none
        self._whole: Values = {}

    async def __call__(self) -> Values:
        ends = self._clock() + self._turn
        if not self._left:
            self._left, self._sums = await self._tenants(), self._none
        while self._left:
            self._sums = summed([self._sums, await self._ask(self._database, self._left[-1])])
            self._left.pop()
            if self._left and self._clock() >= ends:
                return self._whole
        self._whole = self._sums
        return self._whole

    async def _tenants(self) -> list[UUID]:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            return [row["id"] for row in await connection.fetch(_TENANTS)]


def summed(several: Iterable[Values]) -> Values:
    sums: dict[Metric, dict[Labels, float]] = {}
    for values in several:
        for metric, given in values.items():
            known = sums.setdefault(metric, {})
            for labels, value in given.items():
                known[labels] = known.get(labels, 0.0) + value
    return sums
