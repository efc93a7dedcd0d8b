from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest

from app.infrastructure.security.key_file import exclusive, stored_secret
from app.shared.settings import SettingsFault


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def unlocked(_: Path) -> AbstractContextManager[None]:
    return nullcontext()


def secrets_of_two_workers_starting_at_once(
    folder: Path, lock: Callable[[Path], AbstractContextManager[None]]
) -> set[str]:
    """Each waits, as long as the lock lets it, until the other has found the file missing too."""
    both_found_it_missing = Barrier(2)
    names = iter(("a" * 64, "b" * 64))

    def make() -> str:
        try:
            both_found_it_missing.wait(0.3)
        except BrokenBarrierError:
            return next(names)
        return next(names)

    with ThreadPoolExecutor(2) as pool:
        return set(pool.map(lambda _: stored_secret(folder, lock=lock, make=make), range(2)))


def test_a_secret_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    first = stored_secret(tmp_path / "secrets")
    assert len(first) == 64
    assert stored_secret(tmp_path / "secrets") == first


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    stored_secret(tmp_path / "data" / "secrets")
    assert mode(tmp_path / "data" / "secrets") == 0o700
    assert mode(tmp_path / "data" / "secrets" / "secret_key") == 0o600


def test_loosened_rights_are_tightened_again(tmp_path: Path) -> None:
    first = stored_secret(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "secret_key").chmod(0o644)
    assert stored_secret(tmp_path) == first
    assert (mode(tmp_path), mode(tmp_path / "secret_key")) == (0o700, 0o600)


@pytest.mark.parametrize("torn", [b"", b"abc", b"\0" * 65, b"a" * 64, b"a" * 64 + b"\nmore", b"\xff" * 64 + b"\n"])
def test_a_torn_file_is_healed(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "secret_key").write_bytes(torn)
    healed = stored_secret(tmp_path)
    assert len(healed) == 64
    assert stored_secret(tmp_path) == healed


def test_nothing_is_left_beside_it(tmp_path: Path) -> None:
    stored_secret(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"secret_key", ".lock"}


def test_many_workers_starting_at_once_share_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: stored_secret(tmp_path / "secrets"), range(64)))) == 1


def test_two_workers_that_both_find_it_missing_share_one_secret(tmp_path: Path) -> None:
    assert len(secrets_of_two_workers_starting_at_once(tmp_path, exclusive)) == 1


def test_without_the_lock_they_would_not(tmp_path: Path) -> None:
    assert len(secrets_of_two_workers_starting_at_once(tmp_path, unlocked)) == 2


def test_a_folder_that_cannot_be_made_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsFault, match="Make DATA_DIR writable"):
        stored_secret(tmp_path / "file" / "secrets")


def test_a_secret_that_cannot_be_read_is_a_fault_too(tmp_path: Path) -> None:
    (tmp_path / "secret_key").mkdir()
    with pytest.raises(SettingsFault, match="can't be kept"):
        stored_secret(tmp_path)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    def make() -> str:
        (tmp_path / "secret_key").mkdir()
        return "a" * 64

    with pytest.raises(SettingsFault, match="can't be kept"):
        stored_secret(tmp_path, make=make)
    assert {path.name for path in tmp_path.iterdir()} == {"secret_key", ".lock"}
