"""Commands from clients that repeat, while API workers, relays and subscribers are killed.

`python -m tools.bench.killing --commands 10000`
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from tools.bench.database import owner
from tools.bench.fleet import OK, WORKING, Api, Child, Fleet, fleet, status_of
from tools.bench.machinery import conclude, in_scratch, serve_command
from tools.bench.proof import faults_in, publish_again, settled
from tools.bench.recording import MODE, TABLE
from tools.bench.shoppers import Habits, Told, crowd

RECORDER = "tools.bench.recording"
PER_LIFE = 3
"""Place, confirm, cancel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`mode` unguarded is the twin: see tools/bench/recording.py."""

    commands: int = 10_000
    habits: Habits = field(default_factory=lambda: Habits(clients=100))
    workers: int = 3
    kill_every: float = 2.0
    mode: str = "guarded"
    settle_seconds: float = 120.0
    longest: float = 1_500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`faults` empty: nothing was lost, doubled or out of order. Times in seconds."""

    lives: int
    seconds: float
    settled_after: float
    told: dict[str, int]
    killed: dict[str, int]
    rows: dict[str, int]
    republished: int
    faults: list[str]


async def trial(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Trial:
    """Raises TimeoutError when it does not come to an end, NotServing, AssertionError for an answer nobody may get."""
    async with fleet(folder) as ours:
        async with owner(ours.addresses) as connection:
            await connection.execute(TABLE)
        api = await ours.api(workers=2)
        workers = [await ours.worker(RECORDER, **{MODE: plan.mode}) for _ in range(plan.workers)]
        await asyncio.gather(*map(ours.working, workers))
        tell(f"Sending {plan.commands} commands; something is killed every {plan.kill_every:g} s …")
        killed: Counter[str] = Counter()
        killer = asyncio.create_task(_kill(ours, api, workers, plan, killed))
        told, started = Told(), time.monotonic()
        try:
            async with asyncio.timeout(plan.longest):
                lives = await crowd(ours.world, [api.port], told, range(plan.commands // PER_LIFE), plan.habits)
        finally:
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)
        seconds = time.monotonic() - started
        tell("Waiting until nothing waits …")
        waited = await settled(ours.addresses, plan.settle_seconds)
        tell("Publishing everything once more, as a relay that died before marking would …")
        republished = await publish_again(ours.addresses)
        await settled(ours.addresses, plan.settle_seconds)
        faults = told.faults + ours.defects() + await faults_in(ours.addresses, ours.settings, ours.world, lives)
        rows = await _counted(ours)
    return Trial(
        lives=len(lives), seconds=seconds, settled_after=waited, told=dict(told.kinds), killed=dict(killed), rows=rows,
        republished=republished, faults=faults,
    )  # fmt: skip


async def _kill(ours: Fleet, api: Api, workers: list[Child], plan: Plan, killed: Counter[str]) -> None:
    """Every `kill_every` seconds an API worker or a whole worker process; a new one takes its place at once.

    One that has not begun to work is spared: on a busy machine nothing else would ever happen.
    """
    for turn in itertools.count():
        await asyncio.sleep(plan.kill_every)
        at_work = [which for which, worker in enumerate(workers) if WORKING in worker.said]
        if at_work and turn % 2 == 0:
            which = secrets.choice(at_work)
            await workers[which].kill()
            killed["relay and subscribers"] += 1
            workers[which] = await ours.worker(RECORDER, **{MODE: plan.mode})
        elif await status_of(api.port, "/health/ready", 1.0) == OK:
            killed["API worker"] += api.kill_one_worker()


async def _counted(ours: Fleet) -> dict[str, int]:
    async with owner(ours.addresses) as connection:
        tables = ("events", "outbox", "recorded", "inbox", "jobs", "orders", "audit_log")
        return {table: await connection.fetchval("SELECT count(*) FROM " + table) for table in tables}  # noqa: S608 — names of our own


def command(
    commands: Annotated[int, typer.Option(min=3, help="Three for each order: place, confirm, cancel.")] = 10_000,
    clients: Annotated[int, typer.Option(min=1)] = 100,
    workers: Annotated[int, typer.Option(min=1, help="Processes of background work.")] = 3,
    kill_every: Annotated[float, typer.Option(min=0.1, help="Seconds.")] = 2.0,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
) -> None:
    """Exit code 1 when anything was lost, doubled, out of order, or told wrongly."""
    plan = Plan(commands=commands, habits=Habits(clients=clients), workers=workers, kill_every=kill_every)
    found = in_scratch(lambda folder, tell: trial(plan, folder, tell))
    conclude(asdict(found) | {"plan": asdict(plan)}, found.faults, json)


if __name__ == "__main__":
    serve_command(command)
