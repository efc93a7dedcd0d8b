"""How far it is, on stderr: a bar in a terminal, a line per step anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

MEGABYTE = 1_000_000


class Progress:
    """`of` yields what is called with each step's size, in bytes or in pieces."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def of(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        if not self._console.is_terminal:
            self._console.print(f"  {what} …")
            yield lambda _: None
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Bars(*columns, console=self._console, transient=True) as bars:
            task = bars.add_task(what, total=total)
            done = 0

            def advance(size: int) -> None:
                nonlocal done
                done += size
                told = f"{what}  {done / MEGABYTE:,.1f} MB" if done > MEGABYTE else what
                bars.update(task, advance=size, description=told)

            yield advance


class Silent(Progress):
    """For tests."""

    @contextmanager
    def of(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:  # noqa: ARG002
        yield lambda _: None
