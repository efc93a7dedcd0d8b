"""Rows that somebody else wrote into the disk cache's file. The twins show DiskCache's own JSONDisk."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import diskcache
import pytest
from diskcache.core import MODE_BINARY, MODE_PICKLE, MODE_RAW

from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.json_disk import PlantedRow, RowDisk
from tests.unit.cache.fakes import MINUTES


class Trap:
    """Unpickling it makes a file: what an attacker's row would do, and worse."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def _plant(folder: Path, **columns: object) -> None:
    """Changes the only row of the cache's file behind its back."""
    with closing(sqlite3.connect(folder / "pages" / "cache.db")) as connection, connection:
        changes = ", ".join(f"{name} = ?" for name in columns)
        changed = connection.execute(f"UPDATE Cache SET {changes}", tuple(columns.values()))
        assert changed.rowcount == 1


def _with_json_disk(folder: Path) -> Any:
    with diskcache.Cache(folder / "pages", disk=diskcache.JSONDisk) as database:
        return database.get("k")


async def test_a_planted_pickle_is_a_miss_and_is_not_unpickled(cache: DirectCache, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    _plant(tmp_path, mode=MODE_PICKLE, value=pickle.dumps(Trap(trap)))

    assert await cache.get("k") is None
    assert not trap.exists()
    assert cache.stats().errors == 1


async def test_json_disk_unpickles_the_same_row(cache: DirectCache, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    _plant(tmp_path, mode=MODE_PICKLE, value=pickle.dumps(Trap(trap)))

    with pytest.raises(TypeError):  # after the damage, what came out is no JSON
        _with_json_disk(tmp_path)

    assert trap.exists()


def test_a_planted_key_is_not_unpickled_when_keys_are_listed(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    with diskcache.Cache(tmp_path / "pages", disk=RowDisk) as database:
        database.set("k", "value")
        assert list(database) == ["k"]
        _plant(tmp_path, key=pickle.dumps(Trap(trap)), raw=0)

        with pytest.raises(PlantedRow):
            list(database)

    assert not trap.exists()


async def test_a_planted_file_name_is_neither_read_nor_removed(cache: DirectCache, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"keep me")
    _plant(tmp_path, mode=MODE_BINARY, filename="../secret", value=None)

    assert await cache.get("k") is None
    await cache.set("k", b"new", MINUTES)
    assert await cache.get("k") == b"new"
    assert secret.read_bytes() == b"keep me"


async def test_json_disk_removes_the_file_that_the_same_row_names(cache: DirectCache, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"keep me")
    _plant(tmp_path, mode=MODE_BINARY, filename="../secret", value=None)
    with diskcache.Cache(tmp_path / "pages", disk=diskcache.JSONDisk) as database:
        database.delete("k")

    assert not secret.exists()


@pytest.mark.parametrize("value", [b"no zlib", 7, None, "text"])
async def test_a_row_with_anything_else_in_it_is_a_miss(cache: DirectCache, tmp_path: Path, value: object) -> None:
    _plant(tmp_path, mode=MODE_RAW, value=value)

    assert await cache.get("k") is None
    await cache.set("k", b"new", MINUTES)
    assert await cache.get("k") == b"new"
