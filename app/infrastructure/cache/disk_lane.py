"""One thread with its own connection to the cache file, and repair of that file."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import diskcache

from app.infrastructure.cache.json_disk import IN_THE_ROW, RowDisk
from app.infrastructure.cache.store import StoreBusy, StoreFailed

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class DiskLane:
    """Runs blocking calls in turn; raises StoreFailed when one fails or takes longer than `timeout` seconds.

    While a call that timed out is still running, further ones fail at once instead of waiting behind it.
    """

    def __init__(self, folder: Path, *, timeout: float, size_limit: int) -> None:
        self._folder = folder / "pages"
        self._file = self._folder / "cache.db"
        self._timeout = timeout
        self._lock_timeout = timeout / 2  # SQLite gives up first, and the thread is free for the next call
        self._size_limit = size_limit
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cache-disk")
        self._database: Any = None
        self._identity: tuple[int, int] | None = None
        self._late: Future[Any] | None = None
        self._closed = False

    async def run(self, act: Callable[[Any], _T]) -> _T:
        if self._late is not None and not self._late.done():
            raise StoreBusy("an earlier call to the disk cache is still running")
        if self._closed:
            raise StoreFailed("the disk cache is closed")
        call = self._thread.submit(self._perform, act)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(call)
        except Exception as error:
            # Whatever SQLite, DiskCache or a planted row make of it, to the caller it is a store that failed.
            raise StoreFailed(type(error).__name__) from error
        finally:
            if not call.done():
                self._late = call

    async def close(self) -> None:
        """Closes the connection in the thread that opened it, without waiting for a call that hangs."""
        if self._closed:
            return
        self._closed = True
        self._thread.submit(self._shut)
        self._thread.shutdown(wait=False)

    def _perform(self, act: Callable[[Any], _T]) -> _T:
        database = self._current()
        try:
            return act(database)
        except sqlite3.Error as error:
            # Opening anew heals a missing table or a replaced file; only a damaged one is thrown away.
            self._shut()
            if _damaged(error):
                self._discard()
            raise

    def _current(self) -> Any:
        """The open file, unless somebody (an operator, another worker's repair) has put another in its place."""
        if self._database is None or self._identity != _identity(self._file):
            self._shut()
            self._database = self._open()
            self._identity = _identity(self._file)
        return self._database

    def _open(self) -> Any:
        self._make_folders()
        if not _readable(self._file, self._lock_timeout):
            self._identity = _identity(self._file)
            self._discard()
            self._make_folders()
        return diskcache.Cache(
            self._folder,
            timeout=self._lock_timeout,
            disk=RowDisk,
            disk_min_file_size=IN_THE_ROW,
            size_limit=self._size_limit,
            eviction_policy="least-recently-stored",  # a read then writes nothing
            sqlite_mmap_size=0,  # a mapped file that is cut short kills the process with SIGBUS
        )

    def _make_folders(self) -> None:
        for folder in (self._folder.parent, self._folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    def _shut(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _discard(self) -> None:
        """Moves the folder away in one step, so that no worker sees half of the old files beside new ones."""
        if self._identity != _identity(self._file):
            return  # another worker has done it
        trash = self._folder.with_name(f"damaged-{token_hex(8)}")
        self._folder.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)
        _log.warning("the disk cache's file was damaged and has been replaced by an empty one")


def _damaged(error: sqlite3.Error) -> bool:
    """OperationalError is the surroundings (locked, full, unreadable), not the content."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)


def _readable(file: Path, timeout: float) -> bool:
    with closing(sqlite3.connect(file, timeout=timeout)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            if _damaged(error):
                return False
            raise
    return True


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
