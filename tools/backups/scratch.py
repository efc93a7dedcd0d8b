"""A PostgreSQL of the tool's own for a few seconds: what a fresh database looks like, and where a backup is tried.

It lies in DATA_DIR under a fixed name. One that outlived its killed user is ended by the next run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.infrastructure.database.bootstrap import bootstrap
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.file_locks import FileLock
from app.infrastructure.database.migrations import upgrade
from app.infrastructure.database.postgres_cluster import PostgresCluster
from tools.backups.catalogue import CATALOGUE
from tools.backups.faults import BackupFault, of_disk
from tools.backups.session import TEXT_FORM, Session

FOLDER = "backup-scratch"
REFERENCE = "reference"
CONNECTIONS = 20


@contextmanager
def scratch_server(data_dir: Path) -> Iterator[EmbeddedServer]:
    """Raises BackupFault when another run uses it."""
    folder = data_dir / FOLDER
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        turn = FileLock(data_dir / f"{FOLDER}.turn")
        free = turn.acquire()
    except OSError as error:
        raise of_disk(str(data_dir), error) from error
    if not free:
        raise BackupFault("Another backup is being verified or restored here; wait for it.")
    try:
        _remove(folder)
        server = EmbeddedServer(folder, max_connections=CONNECTIONS)
        server.join()
        try:
            yield server
        finally:
            server.leave()
            _remove(folder)
    finally:
        turn.release()


def _remove(folder: Path) -> None:
    PostgresCluster(folder / "postgres").stop()
    shutil.rmtree(folder, ignore_errors=True)


def fresh_catalogue(server: EmbeddedServer, revision: str) -> list[str]:
    """What bootstrap and this checkout's migrations make of an empty database, up to `revision`."""
    bootstrap(server.superuser_dsn(), REFERENCE)
    owner = server.addresses(REFERENCE).owner
    upgrade(owner, revision)
    with Session(owner) as session:
        session.execute(TEXT_FORM)
        return [json.loads(line) for line in session.column(CATALOGUE)]
