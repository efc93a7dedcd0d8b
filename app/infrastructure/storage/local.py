"""Files in a folder of this machine: the embedded default, for one machine or a folder that all of them share."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

import structlog

from app.application.files.ports import FileLinks, FileRef, StorageUnavailable
from app.domain.files.file import FileNotFound
from app.infrastructure.storage.keys import checked

T = TypeVar("T")

PIECE = 256 * 1_024
BATCH = 1_000
_PARTS = ".parts"
"""Where files are written before they get their name; no key can begin with a dot."""

_THREADS = ThreadPoolExecutor(4, thread_name_prefix="files")
"""The process's own for its disk: one that hangs holds these, not the loop's, which resolve names."""

_log = structlog.get_logger("hello_ticket.storage")


class LocalStorage:
    """Implements `Storage`. Folders are 0700 and files 0600: nobody but this account reads them."""

    def __init__(self, folder: Path, links: FileLinks) -> None:
        self._folder = folder
        self._links = links

    async def put(self, key: str, content: bytes, content_type: str) -> None:  # noqa: ARG002 — the file's row has it
        await _on_disk(lambda: self._write(self._path(key), content))

    async def get(self, key: str) -> AsyncIterator[bytes]:
        return _pieces(await _on_disk(lambda: _opened(self._path(key))))

    async def delete(self, key: str) -> None:
        await _on_disk(lambda: self._path(key).unlink(missing_ok=True))

    async def link(self, file: FileRef, lifetime: timedelta) -> str:
        return self._links.url(file.tenant_id, file.file_id, lifetime)

    async def older(self, than: datetime) -> AsyncIterator[Sequence[str]]:
        await _on_disk(lambda: self._forget_parts(than.timestamp()))
        keys = await _on_disk(lambda: list(self._keys(than.timestamp())))
        for first in range(0, len(keys), BATCH):
            yield keys[first : first + BATCH]

    def _path(self, key: str) -> Path:
        return self._folder / checked(key)

    def _write(self, path: Path, content: bytes) -> None:
        """Written beside, flushed to the disk, then renamed: a reader meets all of it or nothing."""
        parts = self._folder / _PARTS
        _make_folder(parts)
        _make_folder(path.parent)
        beside = parts / secrets.token_hex(16)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def _keys(self, before: float) -> Iterator[str]:
        for folder, folders, names in os.walk(self._folder):
            folders[:] = [name for name in folders if name != _PARTS]
            for path in (Path(folder, name) for name in names):
                with suppress(FileNotFoundError):  # swept by somebody else meanwhile
                    if path.lstat().st_mtime < before:
                        yield path.relative_to(self._folder).as_posix()

    def _forget_parts(self, before: float) -> None:
        parts = self._folder / _PARTS
        for path in parts.iterdir() if parts.is_dir() else ():
            with suppress(FileNotFoundError):
                if path.lstat().st_mtime < before:
                    path.unlink()


async def _on_disk(work: Callable[[], T]) -> T:
    """In a thread. Raises StorageUnavailable for a disk that is full, away or not ours to write."""
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
    except OSError as error:
        _log.warning("storage_failed", storage="folder", error=type(error).__name__, errno=error.errno)
        raise StorageUnavailable("The storage of files does not answer; try again shortly.", retry_after=5) from error


def _opened(path: Path) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFound("There is no such file.") from None
    return os.fdopen(descriptor, "rb")


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while piece := await _on_disk(lambda: file.read(PIECE)):
            yield piece
    finally:
        file.close()


def _make_folder(folder: Path) -> None:
    """With its parents, each 0700; a new name is only durable once its folder is flushed too."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
