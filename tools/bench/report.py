"""A table for people, JSON for programs."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from tools.bench.duel import Duel, middle
from tools.bench.load import Measured
from tools.bench.scenarios import Outcome

FIGURES = ("rate", "p50_ms", "p99_ms")
PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "asyncpg", "orjson")


def machine(client: str, postgres: str) -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgres": postgres,
        "client": client,
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or sys.platform


def as_json(outcomes: Mapping[str, Outcome], facts: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    scenarios = {
        name: {"duels": [_duel(duel) for duel in o.duels], "facts": o.facts, "faults": faults_of(o)}
        for name, o in outcomes.items()
    }
    return orjson.dumps(
        {"machine": facts, "options": options, "scenarios": scenarios, "missed": missed(outcomes)},
        option=orjson.OPT_INDENT_2,
    )


def _duel(duel: Duel) -> dict[str, Any]:
    return {
        "name": duel.name,
        "against": duel.theirs_is,
        "ours": _runs(duel.ours),
        "theirs": _runs(duel.theirs),
        "ratios": {what: duel.ratio(what) for what in FIGURES},
        "bars": [{"what": v.what, "bar": str(v.bar), "ratio": v.ratio, "passed": v.passed} for v in duel.verdicts],
    }


def _runs(runs: list[Measured]) -> dict[str, Any]:
    medians = {what: middle(runs, what) for what in FIGURES}
    return {"median": medians, "rounds": [asdict(run) | {"rate": run.rate} for run in runs]}


def faults_of(outcome: Outcome) -> list[str]:
    return [*outcome.faults, *(line for duel in outcome.duels for line in duel.failures)]


def missed(outcomes: Mapping[str, Outcome]) -> list[str]:
    return [
        f"{duel.name}: {v.what} {v.ratio:.2f}, wanted {v.bar}"
        for outcome in outcomes.values()
        for duel in outcome.duels
        for v in duel.verdicts
        if not v.passed
    ]


def print_report(console: Console, outcomes: Mapping[str, Outcome]) -> None:
    table = Table("scenario", "against")
    for title in ("rate/s", "theirs", "p50 ms", "theirs", "p99 ms", "theirs", "ratio", "bars"):
        table.add_column(title, justify="right" if title != "bars" else "left")
    for outcome in outcomes.values():
        for duel in outcome.duels:
            table.add_row(*_row(duel))
    console.print(table)
    for outcome in outcomes.values():
        for name, value in outcome.facts.items():
            console.print(f"{name}: {value:.3f}")
    faults = [line for outcome in outcomes.values() for line in faults_of(outcome)]
    for line in faults:
        console.print(f"[red]WRONG[/red] {line}")
    if not faults:
        console.print("Counters and rows agree; nothing was refused or lost.")


def _row(duel: Duel) -> tuple[str, ...]:
    cells: list[str] = [duel.name, duel.theirs_is]
    for what in FIGURES:
        digits = 0 if what == "rate" else 2
        cells += [f"{middle(runs, what):.{digits}f}" for runs in (duel.ours, duel.theirs)]
    said = [
        f"{v.what} {v.ratio:.2f} {v.bar} {'[green]PASS[/green]' if v.passed else '[red]FAIL[/red]'}"
        for v in duel.verdicts
    ]
    return (*cells, f"{duel.ratio('rate'):.2f}", "\n".join(said))
