"""Locks between processes: who gets in, and that none outlives its holder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.infrastructure.database.file_locks import FileLock
from app.shared.settings import ROOT


@pytest.mark.parametrize(
    ("first", "second", "both"), [(True, True, True), (True, False, False), (False, True, False), (False, False, False)]
)
def test_only_shared_locks_are_held_together(tmp_path: Path, first: bool, second: bool, both: bool) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.acquire(shared=first)

    assert other.acquire(shared=second) is both

    one.release()
    other.release()


def test_a_released_lock_is_free_and_releasing_twice_is_harmless(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    one.acquire()
    one.release()
    one.release()

    assert not one.held
    assert other.acquire(wait=1)
    other.release()


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    holder = (
        "import sys, time; from pathlib import Path; from app.infrastructure.database.file_locks import FileLock;"
        "FileLock(Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "lock")], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        lock = FileLock(tmp_path / "lock")
        assert not lock.acquire()
        process.kill()

        assert lock.acquire(wait=10)
    lock.release()
