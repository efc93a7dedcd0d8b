"""DATA_DIR beside the database: uploaded files, the signing key, and where backups lie."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from app.infrastructure.security.keys import SigningKey
from app.shared.settings import ROOT, Settings
from tools.backups.archive import Archive, OnBytes
from tools.backups.faults import BackupFault, of_disk
from tools.backups.manifest import FILES, SECRET


def version() -> str:
    """Read, not imported: importing the application starts to build it."""
    found = re.search(r'^VERSION = "(.+)"$', (ROOT / "app" / "main.py").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "unknown"


def backups_in(settings: Settings) -> Path:
    return settings.data_dir / "backups"


def files_in(settings: Settings) -> Path:
    return settings.data_dir / "files"


def secret_in(settings: Settings) -> Path:
    return settings.data_dir / "secrets" / "secret_key"


def key_id(settings: Settings) -> str | None:
    """Names the signing key in use and tells nothing about it; None when there is none yet."""
    given = settings.secret_key.get_secret_value() if settings.secret_key else _kept(secret_in(settings))
    return SigningKey.derived_from(given).kid if given else None


def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def uploaded(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Members' names and where their content is. What is no file, or is being written below a dot, is left out."""
    folder = files_in(settings)
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        below = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not below.parts[0].startswith("."):
            name = FILES + below.as_posix()
            if not name.isprintable() or "\\" in name or ":" in name:
                raise BackupFault(f"A file below {folder} has a name that can't be backed up; rename it.")
            yield name, path


class StagedFiles:
    """The archive's files, laid beside their place until the database is right. `put` makes them the ones in use."""

    def __init__(self, settings: Settings) -> None:
        self._place = files_in(settings)
        self._staged = self._place.with_name("files.restoring")
        self._replaced = self._place.with_name("files.replaced")

    def holds_files(self) -> bool:
        return self._place.is_dir() and any(self._place.iterdir())

    def stage(self, archive: Archive, on_bytes: OnBytes) -> None:
        """What an interrupted restore left goes first."""
        try:
            shutil.rmtree(self._staged, ignore_errors=True)
            self._staged.mkdir(mode=0o700, parents=True)
            for name in archive.manifest.members:
                if name.startswith(FILES):
                    _write(self._staged / name.removeprefix(FILES), archive.read(name, on_bytes))
        except OSError as error:
            raise of_disk(str(self._staged), error) from error

    def put(self) -> None:
        """Two renames; whatever lies between them, the next restore finds the staged files or none."""
        try:
            shutil.rmtree(self._replaced, ignore_errors=True)
            if self._place.exists():
                self._place.rename(self._replaced)
            self._staged.rename(self._place)
            shutil.rmtree(self._replaced, ignore_errors=True)
        except OSError as error:
            raise of_disk(str(self._place), error) from error

    def discard(self) -> None:
        shutil.rmtree(self._staged, ignore_errors=True)


def put_secret(archive: Archive, settings: Settings, on_bytes: OnBytes) -> None:
    """The key that was there before is kept beside it. Mode 0600, folder 0700."""
    path = secret_in(settings)
    content = b"".join(archive.read(SECRET, on_bytes))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.read_bytes() != content:
            path.replace(path.with_name("secret_key.before-restore"))
        beside = path.with_name(f".secret_key.{secrets.token_hex(4)}")
        _write(beside, iter([content]))
        beside.replace(path)
    except OSError as error:
        raise of_disk(str(path), error) from error


def _write(path: Path, chunks: Iterator[bytes], opener: Callable[[str, int], int] | None = None) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "xb", opener=opener or _private) as file:  # Path.open takes no opener
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
