"""What can go wrong with a migration, in one sentence an operator can act on."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from app.shared.errors import AppError, Kind

LOCK_CONFLICTS = frozenset({"55P03", "40P01"})
"""lock_not_available and deadlock_detected (PostgreSQL, appendix A): the same revision may well pass in a moment."""


class MigrationFault(AppError):
    """A migration, or a question about one, could not be carried out. The message is for the operator."""

    code = "migration_fault"
    kind = Kind.UNAVAILABLE


class MigrationLockedOut(MigrationFault):
    """The tables were in use for longer than lock_timeout; the revision was rolled back and can be tried again."""

    code = "migration_locked_out"


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turns what Alembic, the driver and the network raise into MigrationFault."""
    try:
        yield
    except CommandError as error:
        raise MigrationFault(_of_alembic(error)) from error
    except DBAPIError as error:
        raise _of_statement(error) from error
    except asyncpg.PostgresError as error:
        raise MigrationFault(f"The database refuses: {first_line(error)}.") from error
    except (asyncpg.InterfaceError, OSError) as error:
        raise MigrationFault(f"The connection to the database was lost: {reason(error)}. Try again.") from error


def _of_alembic(error: CommandError) -> str:
    text = first_line(error)
    if text.startswith("Can't locate revision"):
        return f"{text}; `list` shows those of this checkout. A database ahead of it needs newer code."
    if text.startswith("Target database is not up to date"):
        return "The database lacks revisions of this checkout; upgrade it first."
    return f"{text}."


def _of_statement(error: DBAPIError) -> MigrationFault:
    sqlstate = getattr(error.orig, "sqlstate", None)
    place = _place(error)
    words = first_line(error.orig.__cause__ if error.orig and error.orig.__cause__ else error)
    if sqlstate in LOCK_CONFLICTS:
        return MigrationLockedOut(f"{place} could not get its lock, the tables are in use: {words}. Try again.")
    return MigrationFault(f"{place} failed and was rolled back: {words}.")


def _place(error: BaseException) -> str:
    """The revision's own line, found by its frame in the traceback."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.parent.name == "versions":
            return f"{path.name}, line {frame.lineno},"
    return "A statement"


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def reason(error: Exception) -> str:
    """Time-outs come without a word of their own."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    return getattr(error, "strerror", None) or first_line(error)
