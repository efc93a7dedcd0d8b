"""Work that is due again and again: once per tick whoever is there, begun again when its worker died."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import uuid4

import pytest

from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import schedules as module
from app.infrastructure.messaging.schedules import Schedule, Scheduler, UnknownSchedule, list_schedules, start_now
from app.shared.errors import ConcurrentChange, Unavailable
from tests.support.peers import until

Run = Callable[[datetime], Awaitable[object]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE", 0.5)
    monkeypatch.setattr(module, "RENEW", 0.1)
    monkeypatch.setattr(module, "EVERY", 0.02)


def scheduler(database: Database, run: Run, *, every: float = 0.05, name: str = "sweep") -> Scheduler:
    return Scheduler(database, uuid4(), [Schedule(name=name, every=every, run=run)])


async def stopped(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def row(database: Database) -> dict[str, object]:
    return dict((await list_schedules(database))[0])


async def ticking(database: Database, wanted: int) -> Counter[datetime]:
    """How often each tick was run to its end, by five workers."""
    ended: Counter[datetime] = Counter()

    async def run(tick: datetime) -> str:
        await asyncio.sleep(0)
        ended[tick] += 1
        return "swept"

    workers = [asyncio.ensure_future(scheduler(database, run).run()) for _ in range(5)]

    async def enough() -> bool:
        return len(ended) >= wanted

    try:
        await until(enough, "the last tick")
    finally:
        await stopped(*workers)
    return ended


async def test_five_workers_run_each_tick_once(database: Database) -> None:
    ended = await ticking(database, 20)

    assert set(ended.values()) == {1}
    assert int(str((await row(database))["runs"])) in {len(ended), len(ended) - 1}, "the last may have been cut off"


async def test_twin_without_the_claims_guard_ticks_run_more_than_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = module._CLAIM.replace("AND (leased_until IS NULL OR leased_until < now())", "")
    assert blind != module._CLAIM
    monkeypatch.setattr(module, "_CLAIM", blind)

    ended = await ticking(database, 20)

    assert max(ended.values()) > 1


async def dying(database: Database) -> tuple[datetime, asyncio.Future[None]]:
    """A worker that takes a tick and is killed in it: nothing is let go, no lease renewed."""
    begun: list[datetime] = []

    async def never(tick: datetime) -> None:
        begun.append(tick)
        await asyncio.Event().wait()

    lost = scheduler(database, never)

    async def nothing(name: str, tick: datetime) -> None:
        return

    lost._let_go = nothing  # type: ignore[method-assign]
    task = asyncio.ensure_future(lost.run())

    async def begins() -> bool:
        return bool(begun)

    await until(begins, "the first tick")
    return begun[0], task


async def test_a_killed_workers_tick_is_begun_again_and_ends_once(database: Database) -> None:
    tick, task = await dying(database)
    await stopped(task)
    ended: list[datetime] = []

    async def run(again: datetime) -> None:
        ended.append(again)

    heirs = [asyncio.ensure_future(scheduler(database, run).run()) for _ in range(3)]

    async def two() -> bool:
        return len(ended) >= 2

    try:
        await until(two, "the next tick")
    finally:
        await stopped(*heirs)

    assert ended[0] == tick
    assert ended.count(tick) == 1
    assert len(set(ended)) == len(ended)


async def test_a_worker_that_lost_its_lease_does_not_end_the_tick_a_second_time(database: Database) -> None:
    """It stood still for longer than its lease; another one began the same tick again and ended it."""

    async def run(_: datetime) -> str:
        return "swept"

    slow, quick_one = scheduler(database, run, every=3600), scheduler(database, run, every=3600)
    claimed = await slow.claim()
    assert claimed is not None

    again = None
    while again is None:
        again = await quick_one.claim()
        await asyncio.sleep(0.01)
    await quick_one.perform(again)
    await slow.perform(claimed)

    assert again["next_run_at"] == claimed["next_run_at"]
    assert (await row(database))["runs"] == 1


async def test_twin_without_the_holder_check_it_would(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    blind = module._FINISH.replace("AND holder = $2 AND next_run_at = $3", "AND $2::uuid IS NOT NULL AND $3 <= now()")
    assert blind != module._FINISH
    monkeypatch.setattr(module, "_FINISH", blind)

    with pytest.raises(AssertionError, match="2 == 1"):
        await test_a_worker_that_lost_its_lease_does_not_end_the_tick_a_second_time(database)


async def test_a_run_that_takes_longer_than_a_lease_keeps_it(database: Database) -> None:
    runs, over = 0, asyncio.Event()

    async def run(_: datetime) -> None:
        nonlocal runs
        runs += 1
        await over.wait()

    workers = [asyncio.ensure_future(scheduler(database, run).run()) for _ in range(2)]
    await asyncio.sleep(3 * module.LEASE)

    assert runs == 1
    await stopped(*workers)


async def test_a_worker_that_is_stopped_lets_go_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE", 3600.0)
    begun = asyncio.Event()

    async def never(_: datetime) -> None:
        begun.set()
        await asyncio.Event().wait()

    leaving = asyncio.ensure_future(scheduler(database, never).run())
    await begun.wait()
    await stopped(leaving)

    claimed = await scheduler(database, never).claim()

    assert claimed is not None


@pytest.mark.parametrize(
    ("error", "noted"),
    [
        (ZeroDivisionError("7 of what"), "ZeroDivisionError"),
        (ConcurrentChange("Somebody was first."), "concurrent_change: Somebody was first."),
    ],
)
async def test_a_failing_run_is_noted_and_the_next_tick_comes(database: Database, error: Exception, noted: str) -> None:
    ticks: list[datetime] = []

    async def run(tick: datetime) -> str:
        ticks.append(tick)
        raise error

    one = scheduler(database, run, every=0.001)
    for _ in range(2):
        claimed = await one.claim()
        assert claimed is not None
        await one.perform(claimed)
        await asyncio.sleep(0.01)

    shown = await row(database)
    assert (shown["runs"], shown["last_error"], shown["last_result"], shown["running"]) == (2, noted, None, None)
    assert len(set(ticks)) == 2


async def test_a_run_that_finds_something_away_is_no_failure_and_comes_again(database: Database) -> None:
    async def run(_: datetime) -> None:
        raise Unavailable("away")

    one = scheduler(database, run)
    claimed = await one.claim()
    assert claimed is not None
    await one.perform(claimed)
    shown = await row(database)
    assert (shown["runs"], shown["last_error"]) == (0, None)

    again = None
    while again is None:
        again = await scheduler(database, run).claim()
        await asyncio.sleep(0.01)

    assert again["next_run_at"] == claimed["next_run_at"]


async def test_what_came_of_it_is_shown(database: Database) -> None:
    async def run(_: datetime) -> int:
        return 42

    one = scheduler(database, run, every=3600)
    claimed = await one.claim()
    assert claimed is not None
    assert (await row(database))["running"] is True

    await one.perform(claimed)

    shown = await row(database)
    assert (shown["name"], shown["every_seconds"], shown["last_result"], shown["running"]) == (
        "sweep", 3600.0, "42", None,
    )  # fmt: skip
    assert await one.claim() is None


async def test_it_can_be_made_due_now_but_not_while_it_is(database: Database) -> None:
    async def run(_: datetime) -> None:
        return None

    one = scheduler(database, run, every=3600)
    claimed = await one.claim()
    assert claimed is not None
    assert await start_now(database, "sweep") is False, "it is running"
    await one.perform(claimed)

    assert await start_now(database, "sweep") is True
    assert await start_now(database, "sweep") is False, "it is due"
    assert await one.claim() is not None


async def test_an_unknown_name_is_refused(database: Database) -> None:
    with pytest.raises(UnknownSchedule):
        await start_now(database, "no such thing")


async def test_a_changed_interval_is_taken_over(database: Database) -> None:
    async def run(_: datetime) -> None:
        return None

    for every in (3600, 60):
        await scheduler(database, run, every=every).claim()

    assert (await row(database))["every_seconds"] == 60.0


async def test_a_long_result_is_cut(database: Database) -> None:
    async def run(_: datetime) -> str:
        return "x" * 10_000

    one = scheduler(database, run, every=3600)
    claimed = await one.claim()
    assert claimed is not None
    await one.perform(claimed)

    assert len(str((await row(database))["last_result"])) == module.LONGEST_NOTE


async def test_a_defect_in_claiming_stops_no_run_that_is_under_way(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim fails for a moment, as after a migration; what was begun goes on to its end."""
    begun, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(_: datetime) -> None:
        begun.set()
        await go.wait()
        ended.set()

    task = asyncio.ensure_future(scheduler(database, run, every=3600).run())
    await begun.wait()
    monkeypatch.setattr(module, "_CLAIM", "SELECT no_such_column")
    await asyncio.sleep(0.1)
    go.set()
    await asyncio.wait_for(ended.wait(), 5)
    await stopped(task)
