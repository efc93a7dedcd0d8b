"""The verbs of `tools/backup.py`: what they are called, what they take, what they print."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, TypeVar

import typer
from typer.exceptions import Abort, TyperException

from app.shared.errors import AppError
from app.shared.settings import Settings, SettingsFault, load_settings

T = TypeVar("T")

app = typer.Typer(
    help="Backup and restore of the embedded server, or of MIGRATION_DATABASE_URL (tools/BACKUP.md).",
    add_completion=False,
)

NewFile = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Default: a new one in DATA_DIR/backups.")]
OldFile = Annotated[Path, typer.Argument(metavar="FILE", help="A backup.", show_default=False)]


@app.command()
def backup(
    file: NewFile = None,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Put the generated signing key into it as well.")
    ] = False,
) -> None:
    """Database, uploaded files and what they must look like, in one file."""
    settings = load_settings()
    name = f"hello-ticket-{datetime.now(UTC):%Y%m%dT%H%M%S}Z.zip"
    path = (file or settings.data_dir / "backups" / name).absolute()
    _with_owner(settings, lambda dsn: _work().backup(settings, dsn, path, with_secrets=with_secrets))


@app.command()
def restore(
    file: OldFile,
    replace: Annotated[bool, typer.Option("--replace", help="Drop what the database holds first; asks.")] = False,
    accept_differences: Annotated[
        bool, typer.Option("--accept-differences", help="Keep a schema that is not the migrations' own.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put a backup back, into an empty database; all of it or nothing."""
    settings = load_settings()
    wishes = _work().Wishes(replace=replace, accept_differences=accept_differences)
    sure = _nobody if yes else _type_its_name
    _with_owner(settings, lambda dsn: _work().restore(settings, dsn, file, wishes, sure))


def _nobody(_: str) -> None:
    """--yes: nobody is asked."""


def _type_its_name(name: str) -> None:
    if typer.prompt(f"All that the database {name} holds will be dropped. Type its name to go on") != name:
        raise Abort


@app.command()
def verify(file: OldFile) -> None:
    """Restore it beside everything in use, compare every row, policy and grant, and throw the copy away."""
    _work().verify(load_settings(), file)


@app.command("list")
def listed(
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="Default: DATA_DIR/backups.")] = None,
) -> None:
    """The backups in a folder, newest first."""
    _work().show_list(folder or load_settings().data_dir / "backups")


def _with_owner(settings: Settings, verb: Callable[[str], T]) -> T:
    """Runs `verb` with the owner's address, outside of any event loop; the embedded server runs meanwhile."""
    from app.infrastructure.database.migration_session import owner_address

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            return verb(runner.run(stack.enter_async_context(owner_address(settings))))
        finally:
            runner.run(stack.aclose())


def _work() -> ModuleType:
    return import_module("tools.backups.work")


def run(arguments: list[str]) -> int:
    """Returns the exit code: 2 for wrong usage, else 1, with one line on stderr for everything that can be expected."""
    try:
        return app(arguments or ["--help"], prog_name="backup.py", standalone_mode=False) or 0
    except TyperException as error:
        return _complain(error.format_message(), error.exit_code)
    except (Abort, KeyboardInterrupt):
        return _complain("stopped; nothing was changed.", 1)
    except (SettingsFault, AppError) as error:
        return _complain(str(error), 1)


def _complain(message: str, exit_code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return exit_code
