"""The verbs of `tools/worker.py`: what they are called, what they take, how a failure is told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any
from uuid import UUID

import typer
from typer.exceptions import Abort, TyperException

from app.shared.errors import AppError
from app.shared.settings import SettingsFault

app = typer.Typer(help="Relay, subscribers, schedules and senders (tools/WORKER.md).", add_completion=False)
dead_letters = typer.Typer(help="Messages that a subscriber could not deal with.")
app.add_typer(dead_letters, name="dead-letters")

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="Slug or id.", show_default=False)]
Letter = Annotated[UUID, typer.Argument(metavar="ID", help="The dead letter's id.", show_default=False)]
OfTenant = Annotated[str | None, typer.Option("--tenant", help="Only this tenant's, by slug or id.")]


@app.command("run")
def run_workers() -> None:
    """Work until Ctrl-C or SIGTERM; several of these, on several machines, share the work."""
    _do(_work().run_workers())


@app.command()
def schedules() -> None:
    """What is due again and again: when next, who is at it, what came of it last."""
    _do(_work().show_schedules())


@app.command()
def start(name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)]) -> None:
    """Make a schedule due now; a running worker takes it up within a second."""
    _do(_work().start_schedule(name))


@dead_letters.command("list")
def list_letters(tenant: OfTenant = None) -> None:
    """The newest hundred, of one tenant or all."""
    _do(_work().list_letters(tenant))


@dead_letters.command()
def show(tenant: Tenant, letter: Letter) -> None:
    """One message, with the event it carries."""
    _do(_work().show_letter(tenant, letter))


@dead_letters.command()
def replay(tenant: Tenant, letter: Letter) -> None:
    """Have the subscriber try again."""
    _do(_work().replay_letter(tenant, letter))


@dead_letters.command()
def discard(
    tenant: Tenant, letter: Letter, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Give up on a message for good."""
    if not yes:
        typer.confirm("The message is deleted and will never take effect. Go on?", abort=True)
    _do(_work().discard_letter(tenant, letter))


def run(arguments: list[str]) -> int:
    """Exit code: 0, 1 after saying in one line what is in the way, 2 for a wrong verb or argument."""
    try:
        app(args=arguments or ["--help"], prog_name="worker.py", standalone_mode=False)
    except TyperException as error:
        return _complain(error.format_message(), error.exit_code)
    except Abort:
        return _complain("stopped; nothing was changed. --yes answers for you.", 1)
    except (SettingsFault, AppError) as error:
        return _complain(str(error), 1)
    return 0


def _complain(message: str, exit_code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return exit_code


def _do(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def _work() -> ModuleType:
    """Loaded by the verb that needs it: --help and a wrong verb answer without."""
    return import_module("tools.worker_work")
