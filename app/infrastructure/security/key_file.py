"""The development secret: made once, shared by every worker, readable by nobody else."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from app.shared.settings import SettingsFault

logger = logging.getLogger(__name__)

_WHOLE = re.compile(rb"[A-Za-z0-9_-]{64}\n")


def _new_secret() -> str:
    return secrets.token_urlsafe(48)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Held by one process or thread at a time; the kernel lets go of it when the holder dies."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def stored_secret(
    folder: Path,
    *,
    lock: Callable[[Path], AbstractContextManager[None]] = exclusive,
    make: Callable[[], str] = _new_secret,
) -> str:
    """The secret in `folder/secret_key` (mode 0600, folder 0700), made when missing, empty or torn.

    Raises SettingsFault when the folder can't be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        with lock(folder):
            return _read(folder / "secret_key") or _write(folder / "secret_key", make())
    except OSError as error:
        raise SettingsFault(
            f"The development secret under {folder} can't be kept ({error.strerror}). "
            "Make DATA_DIR writable for this user, or set SECRET_KEY."
        ) from error


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ""
    if not _WHOLE.fullmatch(content):
        logger.warning("The development secret was torn and is made anew; everyone has to sign in again.")
        return ""
    path.chmod(0o600)
    return content.decode("ascii").strip()


def _write(path: Path, secret: str) -> str:
    """Whole or not at all: written beside, flushed to the disk, then renamed over the old one."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{secret}\n".encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return secret
