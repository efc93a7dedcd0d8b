from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID

from structlog.testing import capture_logs

from app.infrastructure.database.pool import Database
from app.infrastructure.observability.catalogue import DRIFT, FIGURES_AGE, ORDERS
from app.infrastructure.observability.figures import SHARE, DatabaseFigures, Group, TenantWalk, Values


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """Answers a higher number each time; `spends` seconds pass meanwhile."""

    def __init__(self, clock: Clock, spends: float = 0.0) -> None:
        self.times = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self._clock = clock
        self._spends = spends

    async def __call__(self) -> Values:
        self.times += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        self._clock.now += self._spends
        return {DRIFT: {(): float(self.times)}}


def figures(clock: Clock, ask: Asked, patience: float = 5.0) -> DatabaseFigures:
    return DatabaseFigures([Group("drift", ask, every=10, clock=clock)], patience=patience, clock=clock)


async def test_figures_are_asked_for_once_in_a_while() -> None:
    clock = Clock()
    ask = Asked(clock)
    found = figures(clock, ask)
    assert (await found.read())[DRIFT] == {(): 1}
    clock.now += 9
    values = await found.read()
    assert (values[DRIFT], values[FIGURES_AGE]) == ({(): 1}, {("drift",): 9})
    clock.now += 1
    assert (await found.read())[DRIFT] == {(): 2}


async def test_what_takes_long_is_asked_seldom() -> None:
    clock = Clock()
    ask = Asked(clock, spends=2.0)
    found = figures(clock, ask)
    await found.read()
    clock.now += 2.0 * SHARE - 1
    await found.read()
    assert ask.times == 1
    clock.now += 1
    await found.read()
    assert ask.times == 2


async def test_what_can_not_be_read_is_left_out_until_it_can() -> None:
    clock = Clock()
    ask = Asked(clock)
    found = figures(clock, ask)
    await found.read()
    clock.now += 10
    ask.error = RuntimeError("canary")
    with capture_logs() as said:
        values = await found.read()
    assert (values.get(DRIFT), values[FIGURES_AGE]) == (None, {})
    assert said == [{"event": "figures_missing", "figures": "drift", "error": "RuntimeError", "log_level": "warning"}]
    clock.now += 10
    ask.error = None
    assert (await found.read())[DRIFT] == {(): 3}


async def test_a_scrape_does_not_wait_for_long_nor_ask_again_meanwhile() -> None:
    clock = Clock()
    ask = Asked(clock)
    ask.gate = asyncio.Event()
    found = figures(clock, ask, patience=0.0)
    assert DRIFT not in await found.read()
    assert DRIFT not in await found.read()
    assert ask.times == 1
    ask.gate.set()
    patient = DatabaseFigures(found._groups, clock=clock)
    assert (await patient.read())[DRIFT] == {(): 1}


TENANTS = [UUID(int=number) for number in range(1, 5)]


class Walked(TenantWalk):
    async def _tenants(self) -> list[UUID]:
        return list(TENANTS)


async def test_a_walk_over_all_tenants_is_made_in_turns_and_shown_when_it_is_whole() -> None:
    clock = Clock()
    asked: list[UUID] = []

    async def ask(_: Database, tenant_id: UUID) -> Values:
        asked.append(tenant_id)
        clock.now += 0.2
        return {ORDERS: {("pending",): float(tenant_id.int)}}

    none: Values = {ORDERS: {("pending",): 0.0, ("expired",): 0.0}}
    walk = Walked(cast(Any, None), ask, none, turn=0.3, clock=clock)
    whole = {ORDERS: {("pending",): 10.0, ("expired",): 0.0}}

    assert await walk() == {}
    assert len(asked) == 2
    assert await walk() == whole
    assert sorted(asked) == TENANTS
    assert await walk() == whole
    assert len(asked) == 6


async def test_a_tenant_that_can_not_be_asked_is_asked_again_at_the_next_turn() -> None:
    refuse = True

    async def ask(_: Database, tenant_id: UUID) -> Values:
        if refuse and tenant_id == TENANTS[1]:
            raise RuntimeError
        return {DRIFT: {(): 1.0}}

    walk = Walked(cast(Any, None), ask, {DRIFT: {(): 0.0}})
    group = Group("drift", walk, every=0)
    with capture_logs():
        await DatabaseFigures([group]).read()
    refuse = False
    assert await walk() == {DRIFT: {(): 4.0}}
