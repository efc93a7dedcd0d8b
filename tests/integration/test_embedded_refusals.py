"""What the embedded server can't do, it says in one line that tells what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.infrastructure.database import embedded, postgres_cluster
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.file_locks import FileLock
from app.infrastructure.database.postgres_account import EmbeddedPostgresFault
from tests.support.embedded import (
    fetch,
    residents,
    sharing,
)


def refusal(folder: Path, **given: int) -> str:
    with pytest.raises(EmbeddedPostgresFault) as fault:
        EmbeddedServer(folder, **given).join()
    return fault.value.message


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")

    assert "was made by PostgreSQL 16" in refusal(tmp_path)


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.doc").write_text("do not overwrite")

    assert "Move them away" in refusal(tmp_path)
    assert (tmp_path / "postgres" / "thesis.doc").read_text() == "do not overwrite"


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "Set DATA_DIR to a folder that you may write to" in refusal(tmp_path / "file" / "data")


def test_a_server_that_does_not_start_names_its_log(data_dir: Path) -> None:
    assert "its log is" in refusal(data_dir, max_connections=10_000_000)
    assert residents(data_dir) == []


def test_a_failed_initdb_gives_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_cluster, "SUPERUSER", "pg_not_allowed")

    assert "could not make its folder" in refusal(tmp_path)


def test_roles_that_cannot_be_put_right_are_one_clear_line(data_dir: Path) -> None:
    with sharing(data_dir) as share:
        for statement in ("CREATE ROLE between", "GRANT hello_worker TO between", "GRANT between TO hello_app"):
            fetch(share.superuser_dsn(), statement)

    assert "can't be prepared" in refusal(data_dir)
    assert residents(data_dir) == []


def test_waiting_for_another_start_ends_with_a_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "TURN_SECONDS", 0.1)
    other = FileLock(tmp_path / "postgres.turn")
    other.acquire()

    assert "Another process has been starting or stopping" in refusal(tmp_path)
    other.release()
