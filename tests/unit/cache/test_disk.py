"""The disk store on a real file: damaged, taken away, locked, full, and shared by processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.disk_lane import DiskLane
from app.infrastructure.cache.disk_store import DiskStore
from app.infrastructure.cache.store import StoreBusy, StoreFailed
from tests.unit.cache.fakes import MINUTES, PATIENT, disk_cache, disk_store

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o777)
    return tmp_path


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_the_folder_is_made_private_even_when_it_was_open_to_all(open_folder: Path) -> None:
    cache = disk_cache(open_folder)
    await cache.get("k")
    await cache.close()

    assert [_mode(folder) for folder in (open_folder, open_folder / "pages")] == [0o700, 0o700]


async def test_a_damaged_file_is_replaced_while_it_is_in_use(cache: DirectCache, tmp_path: Path) -> None:
    file = tmp_path / "pages" / "cache.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.write_bytes(b"\xff" * file.stat().st_size)

    assert await cache.get("k") is None
    await cache.set("k", b"new", MINUTES)
    assert await cache.get("k") == b"new"
    assert _names(tmp_path) == ["pages"]


async def test_a_damaged_file_is_replaced_at_start_up(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "cache.db").write_bytes(b"this is no database " * 500)
    cache = disk_cache(tmp_path)
    await cache.set("k", b"page", MINUTES)

    assert await cache.get("k") == b"page"
    assert cache.stats().errors == 0
    await cache.close()


async def test_a_missing_table_costs_each_side_one_call_and_is_made_again(cache: DirectCache, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "pages" / "cache.db")) as connection:
        connection.execute("DROP TABLE Cache")
    await cache.get("k")
    await cache.set("k", b"lost", MINUTES)

    await cache.set("k", b"new", MINUTES)

    assert await cache.get("k") == b"new"
    assert cache.stats().errors == 2


async def test_a_folder_that_an_operator_removes_is_made_again(cache: DirectCache, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "pages")

    assert await cache.get("k") is None
    await cache.set("k", b"new", MINUTES)
    assert await cache.get("k") == b"new"


async def test_a_damaged_file_that_another_worker_has_replaced_is_left_alone(tmp_path: Path) -> None:
    lane = DiskLane(tmp_path, timeout=PATIENT, size_limit=1_000_000)

    def replaced_meanwhile(database: Any) -> None:
        shutil.rmtree(tmp_path / "pages")
        (tmp_path / "pages").mkdir()
        (tmp_path / "pages" / "cache.db").touch()
        raise sqlite3.DatabaseError("malformed")

    with pytest.raises(StoreFailed):
        await lane.run(replaced_meanwhile)

    assert (tmp_path / "pages" / "cache.db").exists()
    await lane.close()


async def test_a_folder_that_cannot_be_made_is_only_a_cache_that_misses(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    cache = disk_cache(tmp_path / "cache")
    await cache.set("k", b"page", MINUTES)
    await cache.delete("k")

    assert await cache.get("k") is None
    assert cache.stats().errors == 3
    await cache.close()


async def test_a_file_that_cannot_be_opened_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "pages" / "cache.db").mkdir(parents=True)
    cache = disk_cache(tmp_path)

    assert await cache.get("k") is None
    assert (tmp_path / "pages" / "cache.db").is_dir()
    await cache.close()


async def test_a_file_that_is_locked_when_it_is_opened_is_no_damage_either(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    cache = disk_cache(tmp_path, timeout=0.1)
    with closing(sqlite3.connect(tmp_path / "pages" / "cache.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE somebodys (x)")
        other.execute("BEGIN EXCLUSIVE")
        assert await cache.get("k") is None
        other.execute("ROLLBACK")
        assert other.execute("SELECT name FROM sqlite_master").fetchone() == ("somebodys",)
    await cache.close()


async def test_while_another_process_holds_the_lock_writes_give_up_and_reads_go_on(tmp_path: Path) -> None:
    store = disk_store(tmp_path, timeout=0.3)
    await _until_it_works(store)
    assert await store.get("k") == b"page"
    with closing(sqlite3.connect(tmp_path / "pages" / "cache.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed):
            await store.set("k", b"new", MINUTES)
        assert await store.get("k") == b"page"
        other.execute("ROLLBACK")

    await _until_it_works(store)
    await store.close()


async def _until_it_works(store: DiskStore) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await store.set("k", b"page", MINUTES)
            except StoreFailed:
                await asyncio.sleep(0.01)
            else:
                return


async def test_behind_a_call_that_hangs_nobody_waits(tmp_path: Path) -> None:
    lane = DiskLane(tmp_path, timeout=0.05, size_limit=1_000_000)
    release = threading.Event()

    def hang(database: Any) -> bool:
        return release.wait(30)

    with pytest.raises(StoreFailed):
        await lane.run(hang)
    for _ in range(100):
        with pytest.raises(StoreBusy):
            await lane.run(lambda database: None)
    release.set()
    assert lane._late is not None
    await asyncio.wrap_future(lane._late)

    assert await lane.run(lambda database: True)
    await lane.close()


async def test_after_its_end_the_store_fails_at_once(tmp_path: Path) -> None:
    store = disk_store(tmp_path)
    await store.close()
    await store.close()

    with pytest.raises(StoreFailed, match="closed"):
        await store.get("k")


async def test_a_probe_that_reads_something_else_fails(tmp_path: Path) -> None:
    store = disk_store(tmp_path, longest=0)

    with pytest.raises(StoreFailed, match="did not give back"):
        await store.probe()

    await store.close()


async def test_the_file_does_not_grow_past_its_limit(tmp_path: Path) -> None:
    cache = disk_cache(tmp_path, size_limit=300_000)
    for number in range(60):
        await cache.set(f"k{number}", os.urandom(10_000), MINUTES)  # random: not to be compressed

    assert await cache.get("k0") is None
    assert await cache.get("k59") is not None
    assert (tmp_path / "pages" / "cache.db").stat().st_size < 500_000
    await cache.close()


WORKER = """
import asyncio, sys
from pathlib import Path
from app.infrastructure.cache.disk_store import DiskStore

async def main():
    store = DiskStore(Path(sys.argv[1]), timeout=20, longest=600)
    for number in range(60):
        await store.set(f"k{number % 7}", b"%d" % (number % 7) * 500, 600)
        found = await store.get(f"k{number % 7}")
        assert found == b"%d" % (number % 7) * 500, found
    await store.close()

asyncio.run(main())
"""


async def test_several_processes_use_one_file_at_once(tmp_path: Path) -> None:
    workers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, str(tmp_path), cwd=ROOT) for _ in range(3)
    ]

    assert [await worker.wait() for worker in workers] == [0, 0, 0]
