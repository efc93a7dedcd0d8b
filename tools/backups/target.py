"""psql as the restore's one transaction: it is fed a script, asked questions, and only then told to commit.

When this program ends in any way, psql reads the end of its input without a COMMIT, and the server rolls back.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from tools.backups.archive import CHUNK, Archive, OnBytes
from tools.backups.faults import BackupFault
from tools.backups.manifest import DUMP
from tools.backups.programs import complaint

APPLICATION = "hello-ticket-restore"
HEADER = 1_024
FOREIGN = re.compile(
    rb"^(SET transaction_timeout = 0|ALTER TABLE ONLY \S+ ALTER COLUMN \S+ SET \(pg_attver=\d+\));\n", re.MULTILINE
)
"""Two lines the target may not know. The setting came with 17. The option is the server's own business: PostgreSQL
15.20 keeps it, and a pg_dump that is older than the server writes it down."""


class Target:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._told = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the rest
        self._folder = folder
        command = (
            *(str(folder / "psql"), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"),
            *("--set=ON_ERROR_STOP=1", "--file=-"),
        )
        self._psql = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told
        )

    def send(self, script: bytes) -> None:
        """Raises BackupFault with psql's first complaint when it has given up."""
        try:
            assert self._psql.stdin is not None  # noqa: S101  # asked for above
            self._psql.stdin.write(script)
            self._psql.stdin.flush()
        except BrokenPipeError as error:
            raise self._failed() from error

    def ask(self, *queries: str) -> list[str]:
        """The answers' lines, each one column wide."""
        end = f"end-{token_hex(8)}"
        begin = f"begin-{token_hex(8)}"
        self.send(f"\n\\echo {begin}\n{';'.join(queries)};\n\\echo {end}\n".encode())
        lines: list[str] = []
        assert self._psql.stdout is not None  # noqa: S101  # asked for above
        for raw in self._psql.stdout:
            line = raw.decode().rstrip("\n")
            if line == end:
                return lines[lines.index(begin) + 1 :]
            lines.append(line)
        raise self._failed()

    def commit(self) -> None:
        """Raises BackupFault when it is not certain that the server has."""
        self.ask("COMMIT")

    def close(self) -> None:
        """Without a commit before it, everything is undone."""
        for pipe in (self._psql.stdin, self._psql.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._psql.terminate()
        self._psql.wait()
        self._told.close()

    def load(self, archive: Archive, on_bytes: OnBytes) -> None:
        """The dump as SQL, made by pg_restore on the way. Only the middle section holds rows."""
        for section in ("pre-data", "data", "post-data"):
            counted = on_bytes if section == "data" else _uncounted
            with tempfile.TemporaryFile() as told:
                command = (
                    *(str(self._folder / "pg_restore"), "--enable-row-security", "--exit-on-error"),
                    *(f"--section={section}", "--file=-"),
                )
                with subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, env={"LC_ALL": "C"}
                ) as process:
                    with _fed(process, archive, counted):
                        self._pass_on(process, whole=section != "data")
                    if process.wait():
                        raise complaint("pg_restore", told)

    def _pass_on(self, process: subprocess.Popen[bytes], *, whole: bool) -> None:
        """Rows may say anything: of their section, only the lines before the first of them are looked at."""
        assert process.stdout is not None  # noqa: S101  # asked for above
        head = process.stdout.read(-1 if whole else HEADER)
        self.send(FOREIGN.sub(b"", head) if whole else FOREIGN.sub(b"", head, count=1))
        while chunk := process.stdout.read(CHUNK):
            self.send(chunk)

    def _failed(self) -> BackupFault:
        self._psql.wait()
        return complaint("The restore", self._told)


@contextmanager
def _fed(process: subprocess.Popen[bytes], archive: Archive, on_bytes: OnBytes) -> Iterator[None]:
    """A thread writes what pg_restore reads, while its caller reads what pg_restore writes."""
    faults: list[BackupFault] = []

    def feed() -> None:
        assert process.stdin is not None  # noqa: S101  # asked for by the caller
        try:
            with process.stdin as pipe:
                for chunk in archive.read(DUMP, on_bytes):
                    pipe.write(chunk)
        except BackupFault as fault:
            faults.append(fault)
        except BrokenPipeError:  # pg_restore has given up and says why
            pass

    feeder = threading.Thread(target=feed, name="dump")
    feeder.start()
    try:
        yield
    except BaseException:
        process.kill()  # the feeder then finds its pipe broken
        raise
    finally:
        feeder.join()
    if faults:
        raise faults[0]


def _uncounted(_: int) -> None:
    return None
