"""Ten times as much as the application can do: what is still served, what is shed, and how soon all is well again.

`python -m tools.bench.overload`
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Annotated

import psutil
import typer

from tools.bench.client import BuiltIn, percentile
from tools.bench.counts import disagreements
from tools.bench.fleet import Api, Fleet, fleet, status_of
from tools.bench.load import Client, Load
from tools.bench.machinery import conclude, in_scratch, serve_command
from tools.bench.open_loop import MOST_OPEN, PATIENCE, OpenLoop
from tools.bench.world import order_body
from tools.bench.wrk import Wrk

TIMES = 10
RAMP = 0.4
"""The share of the open loop's time that is not judged: thousands of connections are made first."""
PLACED, SHED = 201, {429, 503}
CALM_TRIES, CALM_SECONDS = 3, 0.5
LONGEST_RECOVERY = 60.0
MEGABYTE = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """`goodput` is orders placed a second. Broken: connections that ended without an answer. Times in seconds."""

    offered: float
    goodput: float
    of_peak: float
    told: dict[str, int]
    p50: float
    p99: float
    recovered_after: float
    api_mb: float
    live: dict[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    peaks: list[float]
    api_mb_before: float
    closed: Phase
    open: Phase
    faults: list[str]


async def overload(
    folder: Path,
    tell: Callable[[str], None],
    *,
    seconds: float,
    connections: int = 64,
    most_open: int = MOST_OPEN,
    built_in: bool = False,
) -> Overload:
    """The peak is the mean of before and after each overload: other work on the machine meets all of them."""
    async with fleet(folder) as ours:
        api = await ours.api(workers=2)
        await ours.working(await ours.worker())
        load = Load(
            port=api.port, path="/api/v1/orders", method="POST", token=ours.world.customer_token(), keyed=True,
            bodies=tuple(map(order_body, (ours.world.hot, *ours.world.spread))), connections=connections,
            seconds=seconds,
        )  # fmt: skip
        client: Client = BuiltIn() if built_in else Wrk.found(folder) or BuiltIn()
        tell("Finding the peak …")
        await client.run(load.at(seconds=min(2.0, seconds)))
        before = _memory(api)
        peaks = [(await client.run(load)).rate]
        tell(f"Peak: {peaks[0]:.0f} orders a second. {TIMES} times the connections …")
        closed = await _closed(api, client, load.at(connections=TIMES * connections))
        peaks.append((await client.run(load)).rate)
        tell(f"{closed.goodput:.0f}; peak {peaks[1]:.0f}. {TIMES} times the rate, whatever comes back …")
        opened = await _open(api, load, max(peaks), most_open)
        peaks.append((await client.run(load)).rate)
        closed = replace(closed, of_peak=closed.goodput / mean(peaks[:2]))
        opened = replace(opened, of_peak=opened.goodput / mean(peaks[1:]))
        faults = await _faults(ours, closed, opened)
    return Overload(peaks=peaks, api_mb_before=before, closed=closed, open=opened, faults=faults)


async def _closed(api: Api, client: Client, load: Load) -> Phase:
    watching, live = _watch(api)
    measured = await client.run(load)
    watching.cancel()
    told = {"201": measured.good, "refused": measured.refused, "broken": measured.broken}
    return Phase(
        offered=measured.answers / measured.seconds, goodput=measured.rate, of_peak=0.0, told=told,
        p50=measured.p50_ms / 1_000, p99=measured.p99_ms / 1_000, recovered_after=await _recovery(load),
        api_mb=_memory(api), live=dict(live),
    )  # fmt: skip


async def _open(api: Api, load: Load, peak: float, most_open: int) -> Phase:
    watching, live = _watch(api)
    loop = OpenLoop(load, TIMES * peak, most_open=most_open)
    running = asyncio.create_task(loop.run())
    await asyncio.sleep(load.seconds * RAMP)
    before, began = loop.told[str(PLACED)], time.monotonic()
    await asyncio.sleep(load.seconds * (1 - RAMP))
    ended = time.monotonic()
    goodput = (loop.told[str(PLACED)] - before) / (ended - began)
    recovered = ended + await _recovery(load)
    offered = await running
    watching.cancel()
    times = sorted(loop.times)
    return Phase(
        offered=offered, goodput=goodput, of_peak=0.0, told=dict(loop.told),
        p50=percentile(times, 50), p99=percentile(times, 99), recovered_after=recovered - ended, api_mb=_memory(api),
        live=dict(live),
    )  # fmt: skip


async def _recovery(load: Load) -> float:
    """Seconds until three orders in a row were placed within half a second each."""
    started, calm = time.monotonic(), 0
    while calm < CALM_TRIES and time.monotonic() - started < LONGEST_RECOVERY:
        alone = OpenLoop(load, 1.0)
        asked = time.monotonic()
        await alone.once()
        quick = time.monotonic() - asked < CALM_SECONDS and alone.told[str(PLACED)] == 1
        calm = calm + 1 if quick else 0
    return time.monotonic() - started


def _watch(api: Api) -> tuple[asyncio.Task[None], Counter[int]]:
    live: Counter[int] = Counter()

    async def ask() -> None:
        while True:
            live[await status_of(api.port, "/health/live", PATIENCE)] += 1
            await asyncio.sleep(0.5)

    return asyncio.create_task(ask()), live


def _memory(api: Api) -> float:
    total = 0
    for process in api.family:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / MEGABYTE


async def _faults(ours: Fleet, *phases: Phase) -> list[str]:
    """What was shed may be shed; nothing else may go wrong, and what was placed must be there."""
    allowed = {str(PLACED), "refused", "not sent", *map(str, SHED)}
    wrong = [f"{kind}: {n} times" for phase in phases for kind, n in phase.told.items() if n and kind not in allowed]
    return wrong + ours.defects() + await disagreements(ours.addresses)


def command(
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of each measurement.")] = 10.0,
    connections: Annotated[int, typer.Option(min=1, help="At the peak.")] = 64,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
    built_in_client: Annotated[bool, typer.Option(help="Don't use wrk.")] = False,
) -> None:
    """Exit code 1 when anything else than shedding happened to a request."""
    found = in_scratch(
        lambda folder, tell: overload(folder, tell, seconds=seconds, connections=connections, built_in=built_in_client)
    )
    conclude(asdict(found), found.faults, json)


if __name__ == "__main__":
    serve_command(command)
