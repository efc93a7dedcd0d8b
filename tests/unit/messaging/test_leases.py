"""A lease ends by itself, on the holder's own clock, before the database gives it to another."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from app.infrastructure.messaging import leases as module
from app.infrastructure.messaging.leases import EVERY, TTL, Leases, group_of
from app.shared.errors import Unavailable

NAMES = ["relay:0", "relay:1"]


class Ticks:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


class FakeDatabase:
    """Gives everything to whoever asks; `alive` others share it. Away, it answers nothing."""

    def __init__(self) -> None:
        self.away = False
        self.slow: float = 0
        self.alive = 1
        self.orphans = False
        self.held: list[str] = []
        self.clock: Ticks | None = None

    @asynccontextmanager
    async def transaction(self, tenant_id: None, *, role: str) -> AsyncGenerator[FakeDatabase]:
        if self.away:
            raise Unavailable("away")
        if self.clock:
            self.clock.at += self.slow
        yield self

    async def execute(self, sql: str, *arguments: Any) -> str:
        if sql is module._LEAVE:
            self.held = [name for name in self.held if name not in arguments[1]]
        if sql is module._LEAVE_ALL:
            self.held = []
        return "INSERT 0 0"

    async def fetchval(self, sql: str, *arguments: Any) -> int:
        return self.alive

    async def fetch(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        if sql is module._RENEW:
            return [{"name": name} for name in self.held]
        free = [name for name in arguments[2] if name not in self.held][: arguments[3]]
        self.held += free
        return [{"name": name, "orphaned": self.orphans} for name in free]


@pytest.fixture
def clock() -> Ticks:
    return Ticks()


@pytest.fixture
def database(clock: Ticks) -> FakeDatabase:
    found = FakeDatabase()
    found.clock = clock
    return found


@pytest.fixture
def leases(database: FakeDatabase, clock: Ticks) -> Leases:
    found = Leases(database, UUID(int=1), kind="worker", clock=clock)  # type: ignore[arg-type]
    found.want(NAMES, lambda: None)
    return found


async def test_it_holds_for_a_while_and_then_by_itself_no_more(leases: Leases, clock: Ticks) -> None:
    await leases.refresh()
    assert leases.held("relay") == NAMES

    clock.at += TTL - EVERY - 0.001
    assert leases.holds("relay:0")
    clock.at += 0.002

    assert not leases.holds("relay:0")
    assert leases.held("relay") == []


async def test_while_the_database_is_away_it_lapses(leases: Leases, database: FakeDatabase, clock: Ticks) -> None:
    await leases.refresh()
    database.away = True

    with pytest.raises(Unavailable):
        await leases.refresh()
    assert leases.holds("relay:0")
    clock.at += TTL

    assert not leases.holds("relay:0")


async def test_its_time_counts_from_before_it_was_asked_for(
    leases: Leases, database: FakeDatabase, clock: Ticks
) -> None:
    """An answer that took longer than the lease is worth nothing."""
    database.slow = TTL

    await leases.refresh()

    assert leases.held("relay") == []


async def test_renewing_makes_it_last(leases: Leases, clock: Ticks) -> None:
    for _ in range(5):
        await leases.refresh()
        clock.at += TTL - EVERY - 0.1

    assert leases.holds("relay:1")


async def test_what_was_never_held_is_not(leases: Leases) -> None:
    assert not leases.holds("relay:0")
    assert not leases.holds("queue.mail:7")
    assert leases.held("queue.mail") == []


async def test_an_orphan_is_told_once(leases: Leases, database: FakeDatabase) -> None:
    database.orphans = True
    await leases.refresh()

    assert [leases.orphaned("relay:0"), leases.orphaned("relay:0")] == [True, False]


async def test_what_is_too_much_is_given_back_unless_it_is_in_use(leases: Leases, database: FakeDatabase) -> None:
    await leases.refresh()
    database.alive = 2

    with leases.using("relay:0"):
        await leases.refresh()
        assert leases.held("relay") == ["relay:0"]
    assert database.held == ["relay:0"]


def test_a_group_is_what_stands_before_the_last_colon() -> None:
    assert (group_of("queue.mail:7"), group_of("a:b:1")) == ("queue.mail", "a:b")
