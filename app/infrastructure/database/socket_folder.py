"""The private folder of PostgreSQL's Unix socket.

It lies outside DATA_DIR because a socket's path holds at most 103 bytes (sockaddr_un on macOS, 107 on Linux), and it
keeps its name over restarts, since running applications hold addresses that name it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from app.infrastructure.database.postgres_account import Account, EmbeddedPostgresFault

PORT = 5432
LONGEST_PATH = 103
SHORT_PLACE = Path("/tmp")  # noqa: S108  # only folders that we made or checked are used below it


def socket_in(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def private_folder(record: Path, account: Account) -> Path:
    """The folder named in `record` if it is ours alone (made again when gone), else a new one, then recorded."""
    recorded = _recorded(record)
    if recorded is not None and _is_ours(recorded, account):
        _clear(recorded)
        return recorded
    place = SHORT_PLACE if os.access(SHORT_PLACE, os.W_OK) else Path(tempfile.gettempdir())
    fresh = Path(tempfile.mkdtemp(prefix="hello-ticket-", dir=place))
    if len(os.fsencode(socket_in(fresh))) > LONGEST_PATH:
        fresh.rmdir()
        raise EmbeddedPostgresFault(
            "The path of the temporary folder is too long for a socket; set TMPDIR to a short one."
        )
    _close_to_others(fresh, account)
    partial = record.with_suffix(".new")
    partial.write_text(str(fresh), encoding="utf-8")
    partial.replace(record)
    return fresh


def discard_folder(record: Path, account: Account) -> None:
    """Removes what a stopped server leaves in temporary space; the record keeps the name for the next start."""
    recorded = _recorded(record)
    if recorded is not None and recorded.exists() and _is_ours(recorded, account):
        _clear(recorded)
        recorded.rmdir()


def _clear(folder: Path) -> None:
    """PostgreSQL takes any process that has the pid in a stale lock for the server of this socket."""
    listening = socket_in(folder)
    listening.unlink(missing_ok=True)
    listening.with_name(f"{listening.name}.lock").unlink(missing_ok=True)


def _recorded(record: Path) -> Path | None:
    """Kept in DATA_DIR, so only its owner can have written it; a torn one names no absolute path of ours."""
    try:
        path = Path(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return path if path.is_absolute() and path.name.startswith("hello-ticket-") else None


def _is_ours(folder: Path, account: Account) -> bool:
    """Makes it when it is gone. One planted by another user is a link, theirs, or open to others: not ours."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {account.uid, os.geteuid()}:
            return False
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return False
    except OSError:
        return False
    _close_to_others(folder, account)
    return True


def _close_to_others(folder: Path, account: Account) -> None:
    if folder.lstat().st_uid != account.uid:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
