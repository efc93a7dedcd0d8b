"""API processes are replaced one after another under load, behind a client that asks their readiness: nothing may fail.

`python -m tools.bench.rolling`
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from tools.bench.database import owner
from tools.bench.fleet import OK, Api, Fleet, fleet, status_of
from tools.bench.machinery import conclude, in_scratch, serve_command
from tools.bench.proof import faults_in, settled
from tools.bench.recording import TABLE
from tools.bench.shoppers import Habits, Life, Told, crowd

PROCESSES = 2
DRAIN_SECONDS = 2
READY_EVERY = 0.2
LONGEST = 600.0
SETTLE_SECONDS = 120.0
ASKED = {0, -15}
"""Exit codes: uvicorn ends in order and then by the signal it was sent."""
GOOD = {"200", "201", "202", "409"}
"""409: a client confirms what another has just cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """`seconds` are those of all replacements."""

    replaced: int
    seconds: float
    exit_codes: list[int]
    orders: int
    told: dict[str, int]
    slowest: float
    faults: list[str]


class Balancer:
    """Which ports are ready; asked as often as an orchestrator would."""

    def __init__(self, apis: list[Api]) -> None:
        self._apis = apis
        self.ports = [api.port for api in apis]

    async def run(self) -> None:
        while True:
            await asyncio.gather(*(self._ask(api.port) for api in self._apis))
            await asyncio.sleep(READY_EVERY)

    async def _ask(self, port: int) -> None:
        ready = await status_of(port, "/health/ready", 1.0) == OK
        if ready and port not in self.ports:
            self.ports.append(port)
        elif not ready and port in self.ports:
            self.ports.remove(port)


async def rolling(
    folder: Path, tell: Callable[[str], None], *, rounds: int = 2, clients: int = 16, balanced: bool = True
) -> Rolling:
    """Not `balanced` is the twin: clients learn of the end of a process by their requests."""
    async with fleet(folder) as ours:
        async with owner(ours.addresses) as connection:
            await connection.execute(TABLE)
        recorder = await ours.worker("tools.bench.recording")
        apis = [await ours.api(drain=DRAIN_SECONDS) for _ in range(PROCESSES)]
        await ours.working(recorder)
        told, over, codes = Told(), asyncio.Event(), list[int]()
        balancer = Balancer(apis)
        balancing = asyncio.create_task(balancer.run() if balanced else asyncio.sleep(LONGEST))
        numbers = itertools.takewhile(lambda _: not over.is_set(), itertools.count())
        habits = Habits(clients=clients, aborts=0.0, later=0.2)
        crowding = asyncio.create_task(crowd(ours.world, balancer.ports, told, numbers, habits))
        started = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST):
                for which in list(range(PROCESSES)) * rounds:
                    tell(f"Replacing process {which + 1} …")
                    codes.append(await _replace(ours, apis, which))
                seconds = time.monotonic() - started
                over.set()
                lives = await crowding
        finally:
            for task in (crowding, balancing):
                task.cancel()
            await asyncio.gather(crowding, balancing, return_exceptions=True)
        return await _judged(ours, told, lives, codes, seconds)


async def _replace(ours: Fleet, apis: list[Api], which: int) -> int:
    """Its exit code. The next process takes over the port, as behind a balancer with fixed places."""
    await asyncio.sleep(1)
    code = await apis[which].stop()
    apis[which] = await ours.api(port=apis[which].port, drain=DRAIN_SECONDS)
    await asyncio.sleep(1)
    return code


async def _judged(ours: Fleet, told: Told, lives: list[Life], codes: list[int], seconds: float) -> Rolling:
    await settled(ours.addresses, SETTLE_SECONDS)
    faults = [*told.faults, *ours.defects()]
    faults += [f"{kind}: {count} times" for kind, count in told.kinds.items() if kind not in GOOD]
    faults += [f"a process ended with exit code {code}" for code in codes if code not in ASKED]
    faults += await faults_in(ours.addresses, ours.settings, ours.world, lives)
    slowest = max((one.seconds for one in told.times), default=0.0)
    return Rolling(
        replaced=len(codes),
        seconds=seconds,
        exit_codes=codes,
        orders=len(lives),
        told=dict(told.kinds),
        slowest=slowest,
        faults=faults,
    )


def command(
    rounds: Annotated[int, typer.Option(min=1, help="How often each process is replaced.")] = 3,
    clients: Annotated[int, typer.Option(min=1)] = 32,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
) -> None:
    """Exit code 1 when a request failed, a process did not end in order, or anything was lost."""
    found = in_scratch(lambda folder, tell: rolling(folder, tell, rounds=rounds, clients=clients))
    conclude(asdict(found), found.faults, json)


if __name__ == "__main__":
    serve_command(command)
