"""The folder: who may read it, what a crash leaves, what a full disk does."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.application.files.ports import StorageUnavailable
from app.domain.files.file import FileNotFound, storage_key
from app.infrastructure.security.links import HmacFileLinks
from app.infrastructure.storage.local import LocalStorage
from app.shared.ids import FileId, TenantId
from tests.support.fakes import SettableClock
from tests.support.storages import whole
from tests.unit.security.builders import ONE_KEY

KEY = storage_key(TenantId(UUID(int=7)), FileId(UUID(int=42)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "files"


@pytest.fixture
def storage(folder: Path) -> LocalStorage:
    return LocalStorage(folder, HmacFileLinks(ONE_KEY, "http://127.0.0.1:8000", SettableClock()))


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def modes(folder: Path) -> tuple[set[int], set[int]]:
    """Of the folders, and of the files."""
    found = [path.lstat().st_mode for path in [folder, *folder.rglob("*")]]
    folders = {stat.S_IMODE(mode) for mode in found if stat.S_ISDIR(mode)}
    return folders, {stat.S_IMODE(mode) for mode in found if stat.S_ISREG(mode)}


async def test_files_and_folders_are_the_account_s_own_whatever_the_umask(storage: LocalStorage, folder: Path) -> None:
    before = os.umask(0)
    try:
        await storage.put(KEY, b"bytes", "image/png")
    finally:
        os.umask(before)
    assert modes(folder) == ({0o700}, {0o600})


async def test_nothing_is_made_before_the_first_file(storage: LocalStorage, folder: Path) -> None:
    with pytest.raises(FileNotFound):
        await storage.get(KEY)
    await storage.delete(KEY)
    assert left(folder.parent) == set()


def failing(call: Callable[..., Any], number: int, at: int) -> Callable[..., Any]:
    """`call`, failing with `number` at its `at`th turn."""
    turns: list[int] = []

    def made(*args: Any, **kwargs: Any) -> Any:
        turns.append(1)
        if len(turns) == at:
            raise OSError(number, os.strerror(number))
        return call(*args, **kwargs)

    return made


@pytest.mark.parametrize(("name", "number"), [("fsync", errno.EIO), ("open", errno.EACCES)])
async def test_a_put_that_fails_leaves_what_was_there(
    storage: LocalStorage, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    await storage.put(KEY, b"before", "image/png")
    monkeypatch.setattr(os, name, failing(getattr(os, name), number, at=1))
    with pytest.raises(StorageUnavailable) as refused:
        await storage.put(KEY, b"after", "image/png")
    monkeypatch.undo()
    assert refused.value.retry_after == 5
    assert await whole(await storage.get(KEY)) == b"before"
    assert left(folder) == {KEY}


async def test_bytes_are_on_the_disk_before_they_get_their_name(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    await storage.put(KEY, b"makes the folders", "image/png")
    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    await storage.put(KEY, b"bytes", "image/png")
    assert steps == ["file", "rename", "folder"]


async def test_a_reader_keeps_the_file_it_opened(storage: LocalStorage) -> None:
    content = os.urandom(1_000_000)
    await storage.put(KEY, content, "image/png")
    pieces = await storage.get(KEY)
    first = await anext(pieces)
    await storage.put(KEY, b"another", "image/png")
    await storage.delete(KEY)
    assert first + await whole(pieces) == content


async def test_the_disk_is_not_waited_for_in_the_loop(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()
    fsync = os.fsync

    def flushed(descriptor: int) -> None:
        seen.add(threading.get_ident())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flushed)
    await storage.put(KEY, b"bytes", "image/png")
    assert seen
    assert threading.get_ident() not in seen


async def test_a_link_planted_in_the_folder_is_not_followed(storage: LocalStorage, folder: Path) -> None:
    secret = folder.parent / "secret"
    (folder / KEY).parent.mkdir(parents=True)
    secret.write_bytes(b"secret")
    (folder / KEY).symlink_to(secret)
    with pytest.raises(StorageUnavailable):
        await storage.get(KEY)
    await storage.put(KEY, b"bytes", "image/png")
    assert secret.read_bytes() == b"secret"
    assert await whole(await storage.get(KEY)) == b"bytes"


async def test_a_file_that_goes_while_keys_are_listed_is_no_fault(
    storage: LocalStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await storage.put(KEY, b"bytes", "image/png")
    (folder / ".parts" / "torn").write_bytes(b"half")
    lstat = Path.lstat

    def vanished(self: Path) -> os.stat_result:
        self.unlink()
        return lstat(self)

    monkeypatch.setattr(Path, "lstat", vanished)
    assert [batch async for batch in storage.older(datetime.now(UTC) + timedelta(hours=1))] == []


async def test_keys_come_in_batches(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.infrastructure.storage.local.BATCH", 2)
    for number in range(5):
        await storage.put(f"a/{number}", b"x", "image/png")
    sizes = [len(batch) async for batch in storage.older(datetime.now(UTC) + timedelta(hours=1))]
    assert sizes == [2, 2, 1]


async def test_two_that_make_the_same_folder_do_not_meet(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda self: False if self.name == "a" else is_dir(self))
    await storage.put("a/1", b"x", "image/png")
    await storage.put("a/2", b"y", "image/png")
    assert await whole(await storage.get("a/2")) == b"y"
