"""Putting a backup back: checked before, in one transaction with its own examination, finished by two renames."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from app.infrastructure.database.addresses import APP, WORKER
from app.infrastructure.database.migrations import history, pending_after
from app.infrastructure.database.verdict import UNFINISHED
from app.shared.settings import Settings
from tools.backups import data_folder
from tools.backups.archive import Archive
from tools.backups.catalogue import CATALOGUE, EMPTY_OUT, IN_USE, differences
from tools.backups.data_folder import StagedFiles
from tools.backups.faults import BackupFault
from tools.backups.manifest import SECRET, Manifest, TableSum
from tools.backups.programs import environment, folder_for
from tools.backups.progress import Progress
from tools.backups.session import TEXT_FORM, Session, read_sums, sum_query
from tools.backups.target import APPLICATION, Target

LOCK_WAIT = "10s"
LEAVING_SECONDS = 2.0
LEAVING_PAUSE = 0.05
MOST_SHOWN = 5
_MARK = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
_LACKING = f"SELECT r FROM unnest(ARRAY['{APP}', '{WORKER}']) r WHERE to_regrole(r) IS NULL"  # noqa: S608  # constants
_SERVING = f"""
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename IN ('{APP}', '{WORKER}')
"""  # noqa: S608  # the names are this project's constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was found in the restored database, beside what should be there."""

    tables: dict[str, TableSum]
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """`replace` empties the target first; `accept_differences` keeps a schema that is not the migrations' own."""

    replace: bool = False
    accept_differences: bool = False


def refuse_newer(manifest: Manifest) -> None:
    if manifest.revision not in {revision.id for revision in history()}:
        raise BackupFault(
            f"The backup is of {manifest.version} with schema {manifest.revision}, which this checkout does not know. "
            "Restore it with that release or a newer one."
        )


def pending(manifest: Manifest) -> list[str]:
    return pending_after(manifest.revision)


def check_bytes(archive: Archive, progress: Progress) -> None:
    with progress.of("checksums of the archive", archive.manifest.bytes) as on_bytes:
        archive.check(on_bytes)


def database_name(owner_dsn: str) -> tuple[str, bool]:
    """Its name, and whether it holds anything."""
    with Session(owner_dsn) as session:
        return session.value("SELECT current_database()"), bool(session.value(IN_USE))


def restore(
    archive: Archive,
    owner_dsn: str,
    settings: Settings,
    wishes: Wishes,
    *,
    fresh: Callable[[], list[str]],
    progress: Progress,
) -> Comparison:
    """`fresh` tells the catalogue of a freshly migrated database. Whatever is raised, the database is as it was.

    Only when the database is right and the files could not be put does it stay marked; the next restore of the same
    backup then finishes. Raises BackupFault, MigrationFault.
    """
    with ExitStack() as stack:
        session = stack.enter_context(Session(owner_dsn))
        finishing = _ready(session, archive, wishes)
        files = StagedFiles(settings)
        takes_files = archive.manifest.files == "local"
        if takes_files:
            if files.holds_files() and not (finishing or wishes.replace):
                raise BackupFault("DATA_DIR/files holds files already. --replace puts the backup's in their place.")
            stack.callback(files.discard)
            with progress.of("uploaded files", None) as on_bytes:
                files.stage(archive, on_bytes)
        if finishing:
            found = _examined(archive, session)
        else:
            found = _loaded(archive, session, owner_dsn, wishes, fresh=fresh, progress=progress)
        if takes_files:
            files.put()
        if SECRET in archive.manifest.members:
            data_folder.put_secret(archive, settings, _uncounted)
        session.execute(f"COMMENT ON DATABASE {_database(session)} IS NULL")
    return found


def _ready(session: Session, archive: Archive, wishes: Wishes) -> bool:
    """True when an earlier restore of this backup got as far as the database. Raises BackupFault."""
    session.must_be_owner()
    lacking = session.column(_LACKING)
    if lacking:
        raise BackupFault(f"The role {lacking[0]} is missing; run `python tools/migrate-db.py bootstrap` first.")
    session.keep_migrations_out(alone=True)
    _nobody_serves(session)
    if not session.value(IN_USE):
        return False
    if session.value(_MARK) == _mark(archive) and _examined(archive, session).tables == archive.manifest.tables:
        return True
    if not wishes.replace:
        raise BackupFault("The database is not empty. --replace drops all that it holds.")
    return False


def _nobody_serves(session: Session) -> None:
    """Connections of an application that was just stopped may take a moment to go."""
    deadline = time.monotonic() + LEAVING_SECONDS
    while session.value(_SERVING):
        if time.monotonic() >= deadline:
            raise BackupFault("The application is connected to this database; stop it first.")
        time.sleep(LEAVING_PAUSE)


def _mark(archive: Archive) -> str:
    return f"{UNFINISHED} from {archive.fingerprint}, without its files yet"


def _examined(archive: Archive, session: Session) -> Comparison:
    session.execute(TEXT_FORM)
    present = set(session.column("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public'"))
    lines = [session.value(sum_query(name)) for name in archive.manifest.tables if name in present]
    return Comparison(tables=read_sums(lines))


def _loaded(
    archive: Archive,
    session: Session,
    owner_dsn: str,
    wishes: Wishes,
    *,
    fresh: Callable[[], list[str]],
    progress: Progress,
) -> Comparison:
    folder, _ = folder_for(max(session.major(), archive.manifest.programs))
    with progress.of("a fresh schema to compare with", None):
        expected = fresh()
    with closing(Target(folder, environment(owner_dsn, APPLICATION))) as target:
        target.send(f"BEGIN; SET LOCAL lock_timeout = '{LOCK_WAIT}';\n".encode())
        target.send(EMPTY_OUT.encode())
        target.send(f"COMMENT ON DATABASE {_database(session)} IS '{_mark(archive)}';\n".encode())
        with progress.of("the database", None) as on_bytes:
            target.load(archive, on_bytes)
        with progress.of("checksums of the tables", None):
            found = _asked(archive, target, expected)
        _judge(archive, found, wishes)
        target.commit()
    return found


def _asked(archive: Archive, target: Target, fresh: list[str]) -> Comparison:
    target.send(TEXT_FORM.encode())
    sums = read_sums(target.ask(*(sum_query(name) for name in archive.manifest.tables)))
    catalogue = [json.loads(line) for line in target.ask(CATALOGUE)]
    return Comparison(tables=sums, differences=differences(fresh, catalogue))


def _judge(archive: Archive, found: Comparison, wishes: Wishes) -> None:
    wrong = [name for name, table in archive.manifest.tables.items() if found.tables[name] != table]
    if wrong:
        raise BackupFault(f"What was restored differs from what was backed up in: {', '.join(wrong)}. Nothing is kept.")
    if found.differences and not wishes.accept_differences:
        shown = "; ".join(" ".join(line.split()) for line in found.differences[:MOST_SHOWN])
        more = len(found.differences) - MOST_SHOWN
        raise BackupFault(
            f"The schema is not what revision {archive.manifest.revision} makes: {shown}"
            f"{f'; and {more} more' if more > 0 else ''}. Nothing is kept; --accept-differences keeps it."
        )


def _database(session: Session) -> str:
    name: str = session.value("SELECT quote_ident(current_database())")
    return name


def _uncounted(_: int) -> None:
    return None
