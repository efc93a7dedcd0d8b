"""The command line."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.infrastructure.database.postgres_account import EmbeddedPostgresFault
from app.shared.settings import SettingsFault
from tools.bench.database import DatabaseInUse
from tools.bench.report import as_json, faults_of, missed, print_report
from tools.bench.run import Options, run
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import NotServing
from tools.bench.wrk import WrkFailed

EXPECTED = (DatabaseInUse, EmbeddedPostgresFault, NotServing, SettingsFault, WrkFailed)
WRONG, UNMEASURED = 1, 2
WIDTH = 150
"""The table's: in a narrower one the figures can't be read."""


def _known(names: list[str] | None) -> list[str]:
    for name in names or ():
        if name not in SCENARIOS:
            raise typer.BadParameter(f"{name} is no scenario; there are {', '.join(SCENARIOS)}")
    return names or []


def bench(
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of one measurement.")] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each; medians of their ratios count.")] = 3,
    connections: Annotated[int, typer.Option(min=1, help="Requests at once.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of each program.")] = 2,
    large_table: Annotated[int, typer.Option(min=1_001, help="Orders in the large table.")] = 100_000,
    only: Annotated[list[str] | None, typer.Option(callback=_known, help="A scenario; repeat for several.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
    built_in_client: Annotated[bool, typer.Option(help="Don't use wrk.")] = False,
    strict: Annotated[bool, typer.Option(help="A missed bar is a failure too.")] = False,
) -> None:
    """Measures the application against a hand-written floor, side by side, on a database of its own.

    Exit code 1 when counters and rows disagree or requests failed (with --strict also for a missed bar), 2 when
    nothing could be measured.
    """
    options = Options(
        seconds=seconds,
        rounds=rounds,
        connections=connections,
        workers=workers,
        large_table=large_table,
        only=tuple(only or ()),
        built_in_client=built_in_client,
    )
    console = Console(width=WIDTH)
    try:
        result = asyncio.run(run(options, lambda line: console.print(f"[dim]{line}[/dim]")))
    except EXPECTED as fault:
        console.print(str(fault), style="red", markup=False)
        raise typer.Exit(UNMEASURED) from fault
    print_report(console, result.outcomes)
    if json is not None:
        json.write_bytes(as_json(result.outcomes, result.machine, asdict(options)))
    wrong = any(faults_of(outcome) for outcome in result.outcomes.values())
    raise typer.Exit(WRONG if wrong or (strict and missed(result.outcomes)) else 0)


def main() -> None:
    typer.run(bench)
