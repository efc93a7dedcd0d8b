"""One folder of PostgreSQL data and the server that runs in it: make, start, stop, heal."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import psutil

from app.infrastructure.database.postgres_account import EmbeddedPostgresFault, account_for, programs
from app.infrastructure.database.socket_folder import PORT, discard_folder, private_folder, socket_in

SUPERUSER = "postgres"
MAJOR = "18"
START_SECONDS = 120
STOP_SECONDS = 60
KILL_SECONDS = 0.02
LOG_BYTES = 10_000_000


class State(StrEnum):
    DOWN = "down"
    CHANGING = "changing"
    """Starting, recovering or stopping."""
    CUT_OFF = "cut off"
    """Running, but its socket was deleted, by a cleaner of temporary files for example."""
    READY = "ready"


class PostgresCluster:
    """All methods block and expect that no other process starts or stops the same folder meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "server.log"
        self._pid_file = folder / "postmaster.pid"
        self._socket_record = folder.with_suffix(".socket")

    def state(self) -> State:
        lines = self._pid_lines()
        if not _lives_in(self.folder, lines[0]):
            return State.DOWN
        if lines[7].strip() != "ready":
            return State.CHANGING
        return State.READY if socket_in(self.socket_folder()).is_socket() else State.CUT_OFF

    def socket_folder(self) -> Path:
        """Where the running server listens; asked only while it runs."""
        return Path(self._pid_lines()[4])

    def make(self) -> None:
        """Runs initdb beside the final place and renames, so that a half-made folder is never taken for a whole one."""
        version = self.folder / "PG_VERSION"
        if version.exists():
            self._refuse_other_version(version.read_text(encoding="utf-8").strip())
            return
        if self.folder.exists() and any(self.folder.iterdir()):
            raise EmbeddedPostgresFault(f"{self.folder} holds files that are not PostgreSQL's. Move them away.")
        for leftover in self.folder.parent.glob(f"{self.folder.name}.new-*"):
            _kill_residents(leftover)
            shutil.rmtree(leftover, ignore_errors=True)  # what can't go now is tried again by the next start
        fresh = Path(tempfile.mkdtemp(prefix=f"{self.folder.name}.new-", dir=self.folder.parent))
        made = account_for(fresh).run(
            programs() / "initdb", "--pgdata", fresh, "--username", SUPERUSER, "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject",
            "--no-instructions",
        )  # fmt: skip
        if made.returncode:
            raise EmbeddedPostgresFault(f"PostgreSQL could not make its folder: {_last_line(made.stderr)}")
        fresh.rename(self.folder)

    def start(self, *, max_connections: int) -> None:
        """Clears what a killed server left behind, then returns when the new one takes connections."""
        self.heal()
        account = account_for(self.folder)
        self.folder.chmod(0o700)
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        sockets = private_folder(self._socket_record, account)
        options = _options(sockets, max_connections)
        done = account.run(
            programs() / "pg_ctl", "start", "--silent", "--wait", f"--timeout={START_SECONDS}",
            "--pgdata", self.folder, "--log", self._log, "--options", shlex.join(options),
        )  # fmt: skip
        if done.returncode:
            raise EmbeddedPostgresFault(f"PostgreSQL did not start; its log is {self._log}. {self._log_tail()}")

    def heal(self) -> None:
        """Called when no postmaster runs here. Crash recovery does the rest; nothing committed is lost.

        PostgreSQL takes any process that has the pid in a stale postmaster.pid for its server, refuses a torn file, and
        won't start while an orphaned backend is attached to the old shared memory.
        """
        _kill_residents(self.folder)
        self._pid_file.unlink(missing_ok=True)

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back. A server that does not end within a minute is killed."""
        if not self.folder.is_dir():
            return
        account = account_for(self.folder)
        account.run(
            programs() / "pg_ctl", "stop", "--silent", "--wait", f"--timeout={STOP_SECONDS}",
            "--mode=fast", "--pgdata", self.folder,
        )  # fmt: skip
        self.heal()
        discard_folder(self._socket_record, account)

    def _pid_lines(self) -> list[str]:
        """pid, folder, start, port, socket folder, address, shared memory, state; padded when the file is torn."""
        try:
            lines = self._pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        return [*lines, *[""] * 8][:8]

    def _refuse_other_version(self, version: str) -> None:
        if version != MAJOR:
            raise EmbeddedPostgresFault(
                f"{self.folder} was made by PostgreSQL {version} and this is {MAJOR}. "
                "Dump it with the old version and restore, or set DATA_DIR to another folder."
            )

    def _log_tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        faults = [line for line in lines[-50:] if "FATAL" in line or "PANIC" in line]
        return faults[-1] if faults else ""


def _options(sockets: Path, max_connections: int) -> Iterator[str]:
    """Given at each start, so that they beat what an ALTER SYSTEM may have left in the folder."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "max_connections": str(max_connections),
        "shared_buffers": "256MB",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
    }
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _lives_in(folder: Path, pid: str) -> bool:
    """PostgreSQL's processes work inside their data folder: that tells them from whoever has a reused pid."""
    if not pid.strip().isdecimal():
        return False
    try:
        process = psutil.Process(int(pid))
        return process.name() == "postgres" and process.cwd() == str(folder)
    except (psutil.Error, OverflowError):
        return False


def _kill_residents(folder: Path) -> None:
    """Returns when they are dead. Zombies don't count: where nobody reaps orphans, as in a container, they stay."""
    while residents := [pid for pid in psutil.pids() if _lives_in(folder, str(pid))]:
        for pid in residents:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(KILL_SECONDS)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
