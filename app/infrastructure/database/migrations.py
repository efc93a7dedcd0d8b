"""Alembic, driven from code.

What runs a revision is sync and opens an event loop of its own: where a loop is running already, call it from a
thread (`await asyncio.to_thread(upgrade_to_head, owner_dsn)`). Everything here raises MigrationFault.
"""

from __future__ import annotations

import asyncio
import re
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationInfo
from alembic.script import Script, ScriptDirectory

from app.infrastructure.database.connection import Connection
from app.infrastructure.database.migration_faults import MigrationFault, MigrationLockedOut, one_sentence
from app.infrastructure.database.migration_session import connect_for_migration
from app.shared.settings import ROOT

ALEMBIC_INI = ROOT / "alembic.ini"
"""Read at each call, so that tests can bring their own revisions."""

ALEMBIC_TURN = Lock()
"""Alembic keeps its context in the process: two threads at once would work in each other's."""

LOCK_TRIES = 5
LOCK_PAUSE = 1.0
"""Seconds before the second try, growing by as much each time: the traffic that queued behind us drains meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One file of migrations/versions. `parent` is None for the first."""

    id: str
    title: str
    parent: str | None
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One revision that was just run, up or down; `seconds` is what it took."""

    revision: str
    title: str
    upgrade: bool
    seconds: float


_RELATIVE = re.compile(r"[+-]\d{1,4}")

_WHERE = "SELECT current_database(), current_user, current_setting('server_version')"

OnStep = Callable[[Step], None]


def head_revision() -> str:
    """The newest revision of this checkout. Raises MigrationFault when there is none, or two branches."""
    with one_sentence():
        head = _scripts().get_current_head()
    if head is None:
        raise MigrationFault('There are no revisions yet; make one with `migrate create "what changes"`.')
    return head


def history() -> list[Revision]:
    """Every revision of this checkout, oldest first."""
    with one_sentence():
        found = [_revision(script) for script in _scripts().walk_revisions()]
    return found[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """The database as its owner sees it. `server` is PostgreSQL's version, `revision` None before the first one."""

    database: str
    role: str
    server: str
    revision: str | None


async def whereabouts(owner_dsn: str) -> Whereabouts:
    with one_sentence():
        connection = await connect_for_migration(owner_dsn)
        try:
            row = await connection.fetchrow(_WHERE)
            revision = await applied_revision(connection)
        finally:
            await connection.close()
    return Whereabouts(database=row[0], role=row[1], server=row[2].split()[0], revision=revision)


async def current_revision(owner_dsn: str) -> str | None:
    """What the database is at; None before the first migration. One connection and two short queries."""
    return (await whereabouts(owner_dsn)).revision


async def applied_revision(connection: Connection) -> str | None:
    """As `current_revision`, on a connection that is open already, of any role that may read `alembic_version`."""
    try:
        found: str | None = await connection.fetchval("SELECT max(version_num) FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return found


async def pending(owner_dsn: str) -> list[str]:
    """The revisions the database still lacks, oldest first.

    A database at a revision this checkout does not know is ahead of it (a newer release migrated it): nothing is
    pending then, and the older processes of a rolling release stay ready.
    """
    return pending_after(await current_revision(owner_dsn))


def pending_after(current: str | None) -> list[str]:
    """As `pending`, for a database known to be at `current`."""
    ids = [revision.id for revision in history()]
    if current is None:
        return ids
    return ids[ids.index(current) + 1 :] if current in ids else []


def _pause(seconds: float) -> None:
    time.sleep(seconds)


def upgrade_to_head(owner_dsn: str) -> None:
    """Brings the database to this checkout's newest revision. Two at once: the second waits, then finds it done."""
    upgrade(owner_dsn)


def upgrade(owner_dsn: str, revision: str = "head", *, on_step: OnStep | None = None) -> None:
    """`revision` is an id, the start of one, `head` or `+N`. Each revision is a transaction of its own."""
    target = _absolute(owner_dsn, revision)
    _persist(lambda config: command.upgrade(config, target), owner_dsn, on_step)


def downgrade(owner_dsn: str, revision: str, *, on_step: OnStep | None = None) -> None:
    """`revision` is an id, the start of one, `base` or `-N`."""
    target = _absolute(owner_dsn, revision)
    _persist(lambda config: command.downgrade(config, target), owner_dsn, on_step)


def _persist(run: Callable[[Config], None], owner_dsn: str, on_step: OnStep | None) -> None:
    """Tables in use are a reason to try again: what was rolled back starts anew, what is committed is not repeated."""
    config = alembic_config(owner_dsn, on_step)
    attempt = 1
    while not _carried_out(run, config, last=attempt == LOCK_TRIES):
        _pause(LOCK_PAUSE * attempt)
        attempt += 1


def _carried_out(run: Callable[[Config], None], config: Config, *, last: bool) -> bool:
    try:
        with ALEMBIC_TURN, one_sentence():
            run(config)
    except MigrationLockedOut:
        if last:
            raise
        return False
    return True


def _absolute(owner_dsn: str, revision: str) -> str:
    """`+2` tried again after its first step would go one too far: name where it ends, once."""
    if not _RELATIVE.fullmatch(revision):
        return revision
    current = asyncio.run(current_revision(owner_dsn))
    places = ["base", *(known.id for known in history())]
    here = current or "base"
    if here not in places:
        raise MigrationFault("The database is at a revision this checkout does not know; it needs newer code.")
    wanted = places.index(here) + int(revision)
    if not 0 <= wanted < len(places):
        below, above = places.index(here), len(places) - 1 - places.index(here)
        raise MigrationFault(f"{revision} is too far: there are {below} revisions below this one and {above} above.")
    return places[wanted]


def alembic_config(owner_dsn: str | None = None, on_step: OnStep | None = None) -> Config:
    config = Config(ALEMBIC_INI, cmd_opts=Namespace(quiet=True))
    config.attributes["programmatic"] = True
    config.attributes["owner_dsn"] = owner_dsn
    if on_step is not None:
        config.attributes["on_version_apply"] = _stopwatch(on_step)
    return config


def _stopwatch(on_step: OnStep) -> Callable[..., None]:
    started = time.monotonic()

    def applied(*, step: MigrationInfo, **_: object) -> None:
        nonlocal started
        now = time.monotonic()
        script = step.revision_map.get_revision(step.up_revision_id)
        title = script.doc if isinstance(script, Script) else ""
        on_step(Step(revision=step.up_revision_id or "", title=title, upgrade=step.is_upgrade, seconds=now - started))
        started = now

    return applied


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(ALEMBIC_INI))


def _revision(script: Script) -> Revision:
    parent = script.down_revision
    return Revision(
        id=script.revision, title=script.doc, parent=parent if isinstance(parent, str) else None, path=Path(script.path)
    )
