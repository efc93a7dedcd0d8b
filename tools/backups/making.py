"""Taking a backup: one snapshot of the database, the uploaded files, and on request the signing key."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.shared.settings import Settings
from tools.backups import data_folder
from tools.backups.archive import ArchiveWriter, written
from tools.backups.catalogue import CATALOGUE, HIDING
from tools.backups.faults import BackupFault, of_disk
from tools.backups.manifest import DUMP, FORMAT, KIND, SECRET, Manifest, TableSum
from tools.backups.programs import complaint, environment, folder_for
from tools.backups.progress import Progress
from tools.backups.session import TEXT_FORM, Session, read_sums, sum_query, tables

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_REVISION = "SELECT max(version_num) FROM public.alembic_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that is on the disk."""

    path: Path
    fingerprint: str
    manifest: Manifest


def back_up(settings: Settings, owner_dsn: str, path: Path, *, with_secrets: bool, progress: Progress) -> Made:
    """Raises BackupFault, MigrationFault; then there is no file under this name."""
    if path.exists():
        raise BackupFault(f"{path} exists already; name another file.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise of_disk(str(path.parent), error) from error
    with ExitStack() as stack:
        session = stack.enter_context(Session(owner_dsn))
        _fit_to_dump(session)
        archive = stack.enter_context(written(path))
        manifest = _filled(archive, session, settings, owner_dsn, with_secrets=with_secrets, progress=progress)
        fingerprint = archive.finish(manifest)
    return Made(path=path, fingerprint=fingerprint, manifest=manifest)


def _fit_to_dump(session: Session) -> None:
    session.must_be_owner()
    if session.value("SELECT to_regclass('public.alembic_version')") is None:
        raise BackupFault("There is nothing to back up: this database has no schema yet.")
    hiding = session.column(HIDING)
    if hiding:
        raise BackupFault(f"The policies hide rows of {', '.join(hiding)} from the owner; a dump would be incomplete.")
    session.keep_migrations_out(alone=False)


def _filled(
    archive: ArchiveWriter,
    session: Session,
    settings: Settings,
    owner_dsn: str,
    *,
    with_secrets: bool,
    progress: Progress,
) -> Manifest:
    """Dump, sums and catalogue are of one snapshot; files come later, so that every row's file is among them."""
    session.execute(TEXT_FORM)
    session.execute(_SNAPSHOT)
    revision = session.value(_REVISION)
    if revision is None:
        raise BackupFault("There is nothing to back up: this database has no schema yet.")
    folder, major = folder_for(session.major())
    _dump(archive, folder, owner_dsn, session.value("SELECT pg_export_snapshot()"), progress)
    sums = _sums(session, progress)
    about = {
        "database": session.value("SELECT current_database()"),
        "server": session.value("SELECT current_setting('server_version')"),
        "catalogue": [json.loads(line) for line in session.column(CATALOGUE)],
    }
    session.execute("COMMIT")
    _add_files(archive, settings, progress)
    if with_secrets:
        _add_secret(archive, settings, progress)
    return Manifest(
        format=FORMAT,
        kind=KIND,
        version=data_folder.version(),
        revision=revision,
        created_at=datetime.now(UTC),
        programs=major,
        key_id=data_folder.key_id(settings),
        files=settings.s3_bucket or "local",
        tables=sums,
        members=archive.members,
        **about,
    )


def _dump(archive: ArchiveWriter, folder: Path, owner_dsn: str, snapshot: str, progress: Progress) -> None:
    command = [
        str(folder / "pg_dump"),
        *("--format=custom", "--compress=1", "--enable-row-security", "--no-password", "--lock-wait-timeout=60s"),
        f"--snapshot={snapshot}",
    ]
    with (
        tempfile.TemporaryFile() as told,
        progress.of("dump of the database", None) as on_bytes,
        subprocess.Popen(
            command, env=environment(owner_dsn, "hello-ticket-backup"), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=told,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout is not None  # noqa: S101  # asked for above
            archive.add(DUMP, process.stdout, on_bytes)
        except BaseException:
            process.kill()
            raise
        if process.wait():
            raise complaint("pg_dump", told)


def _sums(session: Session, progress: Progress) -> dict[str, TableSum]:
    names = tables(session)
    with progress.of("checksums of the tables", len(names)) as done:
        lines = []
        for name in names:
            lines += session.column(sum_query(name))
            done(1)
    return read_sums(lines)


def _add_files(archive: ArchiveWriter, settings: Settings, progress: Progress) -> None:
    if settings.s3_bucket is not None:
        return
    with progress.of("uploaded files", None) as on_bytes:
        for name, path in data_folder.uploaded(settings):
            try:
                content = path.open("rb")
            except FileNotFoundError:  # deleted since the folder was read
                continue
            with content:
                archive.add(name, content, on_bytes)


def _add_secret(archive: ArchiveWriter, settings: Settings, progress: Progress) -> None:
    path = data_folder.secret_in(settings)
    try:
        with path.open("rb") as content, progress.of("signing key", None) as on_bytes:
            archive.add(SECRET, content, on_bytes)
    except FileNotFoundError as error:
        raise BackupFault(f"There is no generated key in {path.parent}; back up without --with-secrets.") from error
