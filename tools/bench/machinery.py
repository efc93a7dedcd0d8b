"""What the commands of trials share: a scratch folder, what they tell meanwhile, figures and exit code at the end."""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson
import typer
import uvloop
from rich.console import Console

T = TypeVar("T")
Tell = Callable[[str], None]

WRONG = 1
out = Console(width=150, highlight=False, markup=False)


def in_scratch(run: Callable[[Path, Tell], Awaitable[T]]) -> T:
    """Runs it with a data folder that is gone afterwards."""

    async def inside(folder: Path) -> T:
        return await run(folder, lambda line: out.print(line, style="dim"))

    with (
        tempfile.TemporaryDirectory(prefix="hello-trial-", ignore_cleanup_errors=True) as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(inside(Path(folder) / "data"))


def conclude(figures: Mapping[str, Any], faults: Sequence[str], json: Path | None) -> None:
    """Prints, writes, and ends with exit code 1 when there are faults."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load_now": os.getloadavg()[0]}
    shape = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    told = orjson.dumps({**figures, "machine": machine}, option=shape, default=str)
    out.print(told.decode())
    if json is not None:
        json.write_bytes(told)
    for fault in faults:
        out.print(f"WRONG {fault}", style="red")
    raise typer.Exit(WRONG if faults else 0)


def serve_command(command: Callable[..., None]) -> None:
    """A command line of one command, whose failures show where they came from and no values."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    app()
