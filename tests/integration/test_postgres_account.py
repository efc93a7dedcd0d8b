"""Which system user runs the embedded PostgreSQL, root's start included. Runs the same for root and for others."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from app.infrastructure.database import socket_folder
from app.infrastructure.database.postgres_account import (
    Account,
    EmbeddedPostgresFault,
    account_for,
    programs,
    through_closed_folders,
)
from app.infrastructure.database.socket_folder import private_folder

ME = Account(os.geteuid(), os.getegid())


def test_an_ordinary_user_runs_it_under_the_own_account(tmp_path: Path) -> None:
    assert account_for(tmp_path, uid=4321) == Account(4321, os.getegid())


def test_root_never_runs_it_as_root(tmp_path: Path) -> None:
    account = account_for(tmp_path, uid=0)

    assert account.uid not in {0, -1}
    assert tmp_path.stat().st_uid == account.uid


def test_root_keeps_the_owner_a_folder_has(tmp_path: Path) -> None:
    first = account_for(tmp_path, uid=0)

    assert account_for(tmp_path, uid=0) == first


@pytest.mark.parametrize("closed", [True, False])
def test_its_programs_run_below_open_and_closed_folders(closed: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o700 if closed else 0o755)
        folder = Path(place) / "data"
        folder.mkdir(mode=0o700)
        account = account_for(folder)

        done = account.run("/bin/sh", "-c", 'touch "$0/file" && id -u', folder)

        assert done.stdout == f"{account.uid}\n"
        assert (folder / "file").exists()


def test_its_programs_may_lie_below_a_closed_folder_too(tmp_path: Path) -> None:
    """As in a checkout below /root: initdb itself looks for the other programs there."""
    tmp_path.chmod(0o700)
    package = programs().parents[1]
    installed = shutil.copytree(package / "pginstall18", tmp_path / package.name / "pginstall18")
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, tmp_path / libraries.name)
    data = tmp_path / "data"
    data.mkdir()
    account = account_for(data)

    made = account.run(installed / "bin" / "initdb", "--pgdata", data, "--auth=trust", "--no-sync")

    assert (data / "PG_VERSION").exists(), made.stderr


def test_closed_folders_without_setpriv_are_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EmbeddedPostgresFault, match="Start as an ordinary user, install setpriv"):
        through_closed_folders(ME)


def test_a_program_that_cannot_be_run_is_one_clear_line() -> None:
    with pytest.raises(EmbeddedPostgresFault, match="initdb can't be run"):
        ME.run("/nowhere/initdb")


def test_a_missing_package_is_one_clear_line() -> None:
    with pytest.raises(EmbeddedPostgresFault, match="is not installed"):
        programs("no_such_package")


def test_a_package_without_the_programs_is_one_clear_line() -> None:
    with pytest.raises(EmbeddedPostgresFault, match="is not installed"):
        programs("pytest")


def test_a_socket_path_that_is_too_long_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(socket_folder, "SHORT_PLACE", tmp_path / "missing")
    monkeypatch.setattr(tempfile, "tempdir", str(long))

    with pytest.raises(EmbeddedPostgresFault, match="set TMPDIR to a short one"):
        private_folder(tmp_path / "postgres.socket", ME)
    assert list(long.iterdir()) == []
