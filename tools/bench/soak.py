"""A steady load for a while: memory, descriptors, connections and the outbox's age must stay where they are.

`python -m tools.bench.soak --minutes 10`
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Annotated, Any

import psutil
import typer

from tools.bench.database import owner
from tools.bench.fleet import Api, Child, Fleet, fleet
from tools.bench.machinery import conclude, in_scratch, serve_command
from tools.bench.proof import settled
from tools.bench.recording import TABLE
from tools.bench.shoppers import Habits, Told, crowd

WARM_UP = 0.3
"""The share of the samples that is not judged: pools fill, caches and memos are made."""
SETTLE_SECONDS = 120.0
MEGABYTE = 1_048_576
_DATABASE = """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
        (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS unpublished,
        (SELECT coalesce(extract(epoch FROM now() - min(occurred_at)), 0) FROM outbox WHERE published_at IS NULL)::float
            AS oldest_seconds,
        (SELECT count(*) FROM queue_messages) AS queued
"""
BOUNDS = {"api_mb": (0.10, 12.0), "worker_mb": (0.10, 12.0), "api_files": (0.10, 6.0), "worker_files": (0.10, 6.0),
          "connections": (0.1, 10.0), "oldest_seconds": (0.0, 5.0)}  # fmt: skip
"""What each may grow by while it is judged: a share of its mean, or this much when that is more. Pools fill up to their
bounds with each burst and keep what they have for an hour: connections, and descriptors with them, find their level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """`growth` is the regression line's, from the first judged sample to the last."""

    mean: float
    highest: float
    growth: float
    per_hour: float
    flat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    minutes: float
    orders: int
    told: dict[str, int]
    trends: dict[str, Trend]
    samples: list[dict[str, float]]
    faults: list[str]


async def soak(
    folder: Path, tell: Callable[[str], None], *, seconds: float, every: float, clients: int = 12, pause: float = 0.3
) -> Soak:
    async with fleet(folder) as ours:
        async with owner(ours.addresses) as connection:
            await connection.execute(TABLE)
        api = await ours.api(workers=2)
        worker = await ours.worker("tools.bench.recording")
        await ours.working(worker)
        over, told = asyncio.Event(), Told()
        numbers = itertools.takewhile(lambda _: not over.is_set(), itertools.count())
        habits = Habits(clients=clients, aborts=0.02, later=0.2, pause=pause)
        crowding = asyncio.create_task(crowd(ours.world, [api.port], told, numbers, habits))
        try:
            samples = await _sampled(ours, api, worker, seconds, every, tell)
            over.set()
            lives = await crowding
        finally:
            crowding.cancel()
            await asyncio.gather(crowding, return_exceptions=True)
        await settled(ours.addresses, SETTLE_SECONDS)
        faults = [*told.faults, *ours.defects()]
    trends = {name: trend_of(name, samples) for name in BOUNDS}
    faults += [f"{name} is not flat: {asdict(trend)}" for name, trend in trends.items() if not trend.flat]
    return Soak(
        minutes=seconds / 60, orders=len(lives), told=dict(told.kinds), trends=trends, samples=samples, faults=faults
    )


async def _sampled(
    ours: Fleet, api: Api, worker: Child, seconds: float, every: float, tell: Callable[[str], None]
) -> list[dict[str, float]]:
    samples: list[dict[str, float]] = []
    started = time.monotonic()
    async with owner(ours.addresses) as connection:
        while (at := time.monotonic() - started) < seconds:
            row: dict[str, Any] = dict(await connection.fetchrow(_DATABASE))
            sizes = {"api_mb": _memory(api), "api_files": _files(api)}
            sizes |= {"worker_mb": _memory(worker), "worker_files": _files(worker)}
            samples.append({"at": at, **sizes, **row})
            if len(samples) % 12 == 1:
                tell(", ".join(f"{name} {value:.1f}" for name, value in samples[-1].items()))
            await asyncio.sleep(every)
    return samples


def _memory(child: Child) -> float:
    return _summed(child.family, lambda process: process.memory_info().rss) / MEGABYTE


def _files(child: Child) -> float:
    return _summed(child.family, lambda process: process.num_fds())


def _summed(processes: Sequence[psutil.Process], measure: Callable[[psutil.Process], int]) -> float:
    total = 0
    for process in processes:
        with suppress(psutil.Error):
            total += measure(process)
    return float(total)


def trend_of(name: str, samples: Sequence[dict[str, float]]) -> Trend:
    """By least squares over what is left after the warm-up."""
    judged = samples[int(len(samples) * WARM_UP) :]
    at, values = [one["at"] for one in judged], [one[name] for one in judged]
    slope = linear_regression(at, values).slope
    growth = slope * (at[-1] - at[0])
    share, least = BOUNDS[name]
    return Trend(
        mean=fmean(values),
        highest=max(values),
        growth=growth,
        per_hour=slope * 3_600,
        flat=growth <= max(least, share * fmean(values)),
    )


def command(
    minutes: Annotated[float, typer.Option(min=0.1)] = 10.0,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two samples.")] = 5.0,
    clients: Annotated[int, typer.Option(min=1)] = 12,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
) -> None:
    """Exit code 1 when something grows, or an answer was wrong."""
    found = in_scratch(lambda folder, tell: soak(folder, tell, seconds=minutes * 60, every=every, clients=clients))
    if json is not None:
        conclude(asdict(found), found.faults, json)
    conclude({**asdict(found), "samples": len(found.samples)}, found.faults, None)


if __name__ == "__main__":
    serve_command(command)
