"""PostgreSQL is stopped, crashed or hung while clients order: what they were told, what was lost, and how long it took.

`python -m tools.bench.outage`
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from tools.bench.database import owner
from tools.bench.fleet import Fleet, fleet, status_of
from tools.bench.machinery import conclude, in_scratch, serve_command
from tools.bench.proof import faults_in, settled
from tools.bench.recording import TABLE
from tools.bench.shoppers import OK, UNAVAILABLE, Habits, Life, Shopper, Timed, Told, crowd
from tools.bench.world import order_body

KINDS = ("fast", "immediate", "hang")
"""pg_ctl's two ways to stop, and SIGSTOP for every process of it."""
BEFORE, AFTER = 2.0, 4.0
"""Seconds of load before the outage and after its end."""
NOTICED = 4.6
"""Seconds until a server that hangs is known to: see app/infrastructure/database/hang_watch.py."""
PROBES_EVERY = 0.1
PATHS = ("/health/live", "/health/ready")
NOBODYS = "00000000-0000-4000-8000-000000000000"
SETTLE_SECONDS = 120.0
LONGEST = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Times in seconds. `slowest` is over all that was asked during the outage (while it hung: once it was known)."""

    kind: str
    away: float
    orders: int
    told: dict[str, int]
    told_meanwhile: dict[int, int]
    slowest: float
    slowest_before_known: float
    live: dict[int, int]
    ready: dict[int, int]
    ready_again_after: float
    served_again_after: float
    job_done_after: float
    faults: list[str]


@dataclass(slots=True)
class _Marks:
    gone: float = 0.0
    back: float = 0.0
    served: float = 0.0
    job: float = 0.0


async def outage(
    kind: str, folder: Path, tell: Callable[[str], None], *, away: float = 6.0, clients: int = 16
) -> Outage:
    async with fleet(folder) as ours:
        async with owner(ours.addresses) as connection:
            await connection.execute(TABLE)
        api = await ours.api(workers=2)
        await ours.working(await ours.worker("tools.bench.recording"))
        over, told, marks = asyncio.Event(), Told(), _Marks()
        probes: list[tuple[str, Timed]] = []
        probing = asyncio.create_task(_probe(api.port, probes))
        numbers = itertools.takewhile(lambda _: not over.is_set(), itertools.count())
        crowding = asyncio.create_task(
            crowd(ours.world, [api.port], told, numbers, Habits(clients=clients, aborts=0.02))
        )
        try:
            async with asyncio.timeout(LONGEST):
                tell(f"PostgreSQL goes away ({kind}) …")
                first = await _happens(ours, api.port, kind, away, marks)
                over.set()
                lives = [first, *await crowding]
        finally:
            for task in (crowding, probing):
                task.cancel()
            await asyncio.gather(crowding, probing, return_exceptions=True)
        await settled(ours.addresses, SETTLE_SECONDS)
        faults = [*told.faults, *_unexpected(told), *ours.defects()]
        faults += await faults_in(ours.addresses, ours.settings, ours.world, lives)
    known = marks.gone + (NOTICED if kind == "hang" else 0.0)
    meanwhile = [one for one in told.times if marks.gone <= one.asked < marks.back]
    states = {
        path: [one for name, one in probes if name == path and known + 1 < one.asked < marks.back - 1] for path in PATHS
    }
    ready_again = [one for name, one in probes if name == PATHS[1] and one.asked > marks.back and one.status == OK]
    return Outage(
        kind=kind, away=marks.back - marks.gone, orders=len(lives), told=dict(told.kinds),
        told_meanwhile=dict(Counter(one.status for one in meanwhile)),
        slowest=_slowest([one for one in meanwhile if one.asked >= known and one.asked < marks.back - 1]),
        slowest_before_known=_slowest([one for one in meanwhile if one.asked < known]),
        live=dict(Counter(one.status for one in states[PATHS[0]])),
        ready=dict(Counter(one.status for one in states[PATHS[1]])),
        ready_again_after=ready_again[0].asked + ready_again[0].seconds - marks.back if ready_again else LONGEST,
        served_again_after=marks.served - marks.back, job_done_after=marks.job - marks.back, faults=faults,
    )  # fmt: skip


async def _happens(ours: Fleet, port: int, kind: str, away: float, marks: _Marks) -> Life:
    await asyncio.sleep(BEFORE)
    marks.gone = time.monotonic()
    if kind == "hang":
        ours.postgres.hang()
    else:
        await ours.postgres.stop(kind)
    await asyncio.sleep(away)
    if kind == "hang":
        ours.postgres.resume()
    else:
        await ours.postgres.start()
    marks.back = time.monotonic()
    shopper = Shopper([port], ours.world.staff_token(), Told(), random.Random(2), aborts=0.0)  # noqa: S311 — guards nothing
    path, body = "/api/v1/orders", order_body(ours.world.old)
    try:
        await shopper.command(f"{path}/{NOBODYS}/confirm", "the first one served")
        marks.served = time.monotonic()
        job = await shopper.result(await shopper.command(path, "the first job done", body=body, later=True))
        marks.job = time.monotonic()
    finally:
        shopper.close()
    await asyncio.sleep(AFTER)
    return Life(order_id=UUID(job["result"]["id"]), confirmed=False, cancelled=False)


async def _probe(port: int, probes: list[tuple[str, Timed]]) -> None:
    """Liveness and readiness, as an orchestrator asks for them, each on a connection of its own."""

    async def ask(path: str) -> None:
        while True:
            asked = time.monotonic()
            status = await status_of(port, path)
            probes.append((path, Timed(asked, time.monotonic() - asked, status)))
            await asyncio.sleep(PROBES_EVERY)

    await asyncio.gather(*map(ask, PATHS))


def _unexpected(told: Told) -> list[str]:
    allowed = {"200", "201", "202", "404", "409", str(UNAVAILABLE), "aborted by the client"}
    return [f"{kind}: {count} times" for kind, count in told.kinds.items() if kind not in allowed]


def _slowest(times: Sequence[Timed]) -> float:
    return max((one.seconds for one in times), default=0.0)


def command(
    kind: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(KINDS)}; repeat it for several.")] = None,
    away: Annotated[float, typer.Option(min=1.0, help="Seconds.")] = 8.0,
    clients: Annotated[int, typer.Option(min=1)] = 16,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
) -> None:
    """Exit code 1 when anything was lost, doubled, or answered with what no client may see."""
    found = [
        in_scratch(lambda folder, tell, one=one: outage(one, folder, tell, away=away, clients=clients))  # type: ignore[misc]
        for one in kind or KINDS
    ]
    conclude({one.kind: asdict(one) for one in found}, [fault for one in found for fault in one.faults], json)


if __name__ == "__main__":
    serve_command(command)
