"""The verbs of `tools/migrate-db.py`: what they are called, what they take, how a failure is told.

The work is in `migrate_work`, loaded by the verb that needs it: --help and a wrong verb answer without.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib import import_module
from types import ModuleType
from typing import Annotated, TypeVar

import typer
from typer.exceptions import Abort, TyperException

from app.shared.errors import AppError
from app.shared.settings import Settings, SettingsFault, load_settings

T = TypeVar("T")

app = typer.Typer(
    help="Migrations on the embedded server, or on the one the settings name (tools/MIGRATE_DB.md).",
    add_completion=False,
)
migrate = typer.Typer(help="The revisions themselves: history, create.")
app.add_typer(migrate, name="migrate")

UpTo = Annotated[str, typer.Argument(metavar="[REV]", help="An id, the start of one, head, or +N.")]
DownTo = Annotated[str, typer.Argument(metavar="REV", help="An id, the start of one, base, or -N.", show_default=False)]
Title = Annotated[str, typer.Argument(metavar="MESSAGE", help="What changes, in a few words.", show_default=False)]


@app.command()
def status() -> None:
    """Where the database is, and what it still lacks."""
    _with_owner(_work().status)


@app.command()
def upgrade(revision: UpTo = "head") -> None:
    """Bring the database up, one transaction per revision."""
    _with_owner(lambda owner_dsn: _work().upgrade(owner_dsn, revision))


@app.command(context_settings={"ignore_unknown_options": True})  # -1 is a revision
def downgrade(revision: DownTo, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Take revisions back, and what their tables and columns held with them."""
    if not yes:
        typer.confirm(f"Going down to {revision} drops what later revisions added, with its data. Go on?", abort=True)
    _with_owner(lambda owner_dsn: _work().downgrade(owner_dsn, revision))


@app.command()
def current() -> None:
    """Print the database's revision and nothing else, for scripts."""
    _with_owner(_work().current)


@app.command()
def check() -> None:
    """Fit to serve? Reached by all roles, rows guarded, up to date, no drift; else exit code 1."""
    _during(_work().migration_session.addresses_of, _work().check)


@app.command()
def bootstrap(
    superuser_url: Annotated[
        str, typer.Option(envvar="SUPERUSER_DATABASE_URL", help="A superuser's address.", show_default=False)
    ] = "",
    database: Annotated[str, typer.Option(help="The database to make.")] = "hello_ticket",
    show_sql: Annotated[bool, typer.Option("--show-sql", help="Print the SQL for psql; change nothing.")] = False,
    new_passwords: Annotated[
        bool, typer.Option("--new-passwords", help="Make passwords, print the addresses.")
    ] = False,
) -> None:
    """Make the three roles and the database, with superuser rights; doing it again puts them right.

    Passwords come from OWNER_, APP_ and WORKER_DATABASE_PASSWORD, or are made by --new-passwords.
    """
    if show_sql:
        _work().show_sql(database)
    elif superuser_url:
        _work().make_roles(superuser_url, database, new_passwords=new_passwords)
    else:
        raise TyperException("give --superuser-url, or SUPERUSER_DATABASE_URL in the environment.")


@migrate.command()
def history() -> None:
    """Every revision of this checkout, oldest first. Needs no database."""
    _work().history()


@migrate.command()
def create(
    message: Title, empty: Annotated[bool, typer.Option("--empty", help="Compare nothing; needs no database.")] = False
) -> None:
    """Write a revision with what the rows have and the database lacks."""
    if empty:
        _work().create(None, message)
    else:
        _with_owner(lambda owner_dsn: _work().create(owner_dsn, message))


@app.command()
def auto(message: Title) -> None:
    """Write a revision and run it: migrate create, then upgrade."""
    _with_owner(lambda owner_dsn: _work().create_and_upgrade(owner_dsn, message))


def _with_owner(verb: Callable[[str], None]) -> None:
    _during(_work().migration_session.owner_address, verb)


def _during(opener: Callable[[Settings], AbstractAsyncContextManager[T]], verb: Callable[[T], None]) -> None:
    """Runs `verb` with what `opener` yields, outside of any event loop, since Alembic opens one for each run."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            verb(runner.run(stack.enter_async_context(opener(load_settings()))))
        finally:
            runner.run(stack.aclose())


def _work() -> ModuleType:
    return import_module("tools.migrate_work")


app.command("apply", help="The same as upgrade.")(upgrade)
app.command("list", help="The same as migrate history.")(history)
app.command("generate", help="The same as migrate create.")(create)


def run(arguments: list[str]) -> int:
    """Returns the exit code: 2 for wrong usage, else 1, with one line on stderr for everything that can be expected."""
    try:
        return app(arguments or ["--help"], prog_name="migrate-db.py", standalone_mode=False) or 0
    except TyperException as error:
        return _complain(error.format_message(), error.exit_code)
    except Abort:
        return _complain("stopped; nothing was changed. --yes answers for you.", 1)
    except (SettingsFault, AppError) as error:
        return _complain(str(error), 1)


def _complain(message: str, exit_code: int) -> int:
    first, *more = (line.strip() for line in message.strip().splitlines())
    print(f"error: {first}{' ' if more else ''}{'; '.join(more)}", file=sys.stderr)
    return exit_code
