"""PostgreSQL's own programs: which ones can do it, and how they learn the password."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, unquote, urlsplit

from app.infrastructure.database.postgres_account import EmbeddedPostgresFault, programs
from tools.backups.faults import BackupFault

NEEDED = ("pg_dump", "pg_restore", "psql")
PACKAGED = ("lib/postgresql/*/bin", "pgsql-*/bin")
"""Below /usr, where Debian and Red Hat keep several versions side by side."""
_OPTIONS = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "database": "PGDATABASE",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
"""What of an address libpq reads from the environment (PostgreSQL 18, section 32.15)."""


def folder_for(major: int) -> tuple[Path, int]:
    """The programs and their major version: the lowest that is at least `major`, since older ones refuse a newer
    server or dump, and those of the server's own release know it best."""
    fit = [(found, folder) for folder in _folders() if (found := _version(folder / "pg_dump")) >= major]
    if not fit:
        raise BackupFault(
            f"This needs pg_dump, pg_restore and psql of PostgreSQL {major} or newer; put their folder on PATH."
        )
    version, folder = min(fit, key=itemgetter(0))
    return folder, version


def _folders() -> list[Path]:
    found: list[Path] = []
    with suppress(EmbeddedPostgresFault):
        found.append(programs())
    found += [folder for pattern in PACKAGED for folder in sorted(Path("/usr").glob(pattern))]
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        found.append(Path(on_path).parent)
    return [folder for folder in found if all((folder / name).is_file() for name in NEEDED)]


def _version(program: Path) -> int:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else 0


def environment(dsn: str, application: str) -> dict[str, str]:
    """`dsn` as libpq's variables, so that neither the list of processes nor a file on disk shows the password."""
    parts = urlsplit(dsn)
    who, _, where = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    hosts = [_host_and_port(part) for part in where.split(",")]
    given = {
        "PGHOST": ",".join(host for host, _ in hosts),
        "PGPORT": ",".join(port or "5432" for _, port in hosts) if any(port for _, port in hosts) else "",
        "PGUSER": unquote(user),
        "PGPASSWORD": unquote(password),
        "PGDATABASE": unquote(parts.path.lstrip("/")) or unquote(user),
    }
    given |= {_OPTIONS[name]: value for name, value in parse_qsl(parts.query) if name in _OPTIONS}
    inherited = {name: value for name, value in os.environ.items() if name not in {"PGOPTIONS", "PGSERVICE"}}
    return inherited | {name: value for name, value in given.items() if value} | {"PGAPPNAME": application}


def _host_and_port(part: str) -> tuple[str, str]:
    host, _, port = part.rpartition(":") if not part.endswith("]") and ":" in part else (part, "", "")
    return unquote(host.strip("[]")), port


def complaint(program: str, told: IO[bytes]) -> BackupFault:
    """The first error in what a program wrote to stderr; line numbers and its own name are left out."""
    told.seek(0)
    lines = told.read().decode("utf-8", "replace").splitlines()
    errors = [line for line in lines if re.search(r"\b(error|FATAL|ERROR):", line)]
    words = (errors or lines or ["it gave no reason"])[0]
    words = re.sub(r"^.*?\b(error|FATAL|ERROR):\s+", "", words)
    return BackupFault(f"{program} failed: {words.rstrip('.')}.")
