"""Each thing that can be wrong is one line, an exit code, and a target as it was."""

# ruff: noqa: ASYNC221, ASYNC240  # small files of a test's own, and a program that is waited for

from __future__ import annotations

import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.infrastructure.database.addresses import Addresses
from app.shared.settings import ROOT
from tests.integration.backup.conftest import Cli, On, fetch, refused, tables
from tests.support.system import System
from tools.backups.faults import BackupFault
from tools.backups.manifest import parsed

Document = dict[str, Any]


def _picture(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "poster.png").write_bytes(b"picture" * 1_000)
    return folder / "poster.png"


@pytest.fixture
async def backup(cli: Cli, on: On, source: Addresses, empty: Addresses, clean_settings: Path, tmp_path: Path) -> Path:
    """Of the source, with one uploaded file; from here on the tool works on the empty database."""
    picture = _picture(clean_settings / "files")
    on(source)
    assert (await cli("backup", tmp_path / "b.zip"))[0] == 0
    picture.unlink()
    on(empty)
    return tmp_path / "b.zip"


def rewritten(path: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The archive with other members, as somebody would forge it."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    forged = path.with_name("forged.zip")
    with zipfile.ZipFile(forged, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
    return forged


def with_manifest(path: Path, change: Callable[[Document], object]) -> Path:
    def rewrite(members: dict[str, bytes]) -> None:
        document = json.loads(members["manifest.json"])
        change(document)
        members["manifest.json"] = json.dumps(document).encode()

    return rewritten(path, rewrite)


def test_what_is_no_backup_at_all(tmp_path: Path) -> None:
    for content in (b"", b"{}", b"[1]", b'{"kind": "other"}', b'{"kind": "hello-ticket-backup", "format": 1}'):
        with pytest.raises(BackupFault):
            parsed(content)


async def test_a_file_that_is_none_or_not_there(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG" * 100)

    assert "is not a backup, or it is cut short" in refused(await cli("restore", tmp_path / "photo.png"))
    assert "There is no file" in refused(await cli("verify", tmp_path / "nothing.zip"))


async def test_one_that_is_cut_short(cli: Cli, backup: Path, empty: Addresses) -> None:
    content = backup.read_bytes()
    for length in (len(content) - 1, len(content) // 2, 10):
        backup.write_bytes(content[:length])
        assert "is not a backup, or it is cut short" in refused(await cli("restore", backup))
    assert await tables(empty.owner) == 0


@pytest.mark.parametrize("member", ["database.dump", "files/poster.png", "manifest.json"])
async def test_verify_and_restore_catch_a_flipped_byte(cli: Cli, backup: Path, empty: Addresses, member: str) -> None:
    with zipfile.ZipFile(backup) as archive:
        entry = archive.getinfo(member)
    content = bytearray(backup.read_bytes())
    content[entry.header_offset + 30 + len(member) + 20 + entry.file_size // 2] ^= 1
    backup.write_bytes(content)

    assert f"The backup is damaged: {member} is not" in refused(await cli("verify", backup))
    assert f"The backup is damaged: {member} is not" in refused(await cli("restore", backup))
    assert await tables(empty.owner) == 0


async def test_a_flipped_byte_behind_a_corrected_checksum_of_the_zip(cli: Cli, backup: Path) -> None:
    """zip's own CRC would be content: the manifest is not."""
    forged = rewritten(backup, lambda m: m.update({"files/poster.png": b"Picture" * 1_000}))

    assert "The backup is damaged: files/poster.png is not" in refused(await cli("verify", forged))


@pytest.mark.parametrize(
    "name",
    [
        "files/../../outside",
        "/etc/outside",
        "files//outside",
        "files/..\\outside",
        "secrets/other",
        "files/a\x00b",
        "files/",
    ],
)
async def test_a_member_that_would_be_written_elsewhere(
    cli: Cli, backup: Path, empty: Addresses, tmp_path: Path, name: str
) -> None:
    def forge(document: Document) -> None:
        document["members"][name] = document["members"].pop("files/poster.png")

    forged = with_manifest(backup, forge)

    assert "names a file outside of its folder" in refused(await cli("restore", forged))
    assert list(tmp_path.rglob("*outside*")) == []
    assert await tables(empty.owner) == 0


async def test_a_member_the_manifest_does_not_name(cli: Cli, backup: Path) -> None:
    forged = rewritten(backup, lambda members: members.update({"files/more": b"more"}))

    assert "holds other files than its manifest names" in refused(await cli("restore", forged))


async def test_one_of_a_newer_release(cli: Cli, backup: Path) -> None:
    newer = with_manifest(backup, lambda document: document.update(revision="9999"))
    assert "schema 9999, which this checkout does not know" in refused(await cli("restore", newer))

    unknown = with_manifest(backup, lambda document: document.update(format=2))
    assert "another format than this release knows" in refused(await cli("restore", unknown))


async def test_a_target_that_is_not_empty(cli: Cli, on: On, backup: Path, source: Addresses) -> None:
    on(source)

    assert "The database is not empty. --replace drops" in refused(await cli("restore", backup))


async def test_replace_asks_for_the_databases_name(
    cli: Cli, on: On, backup: Path, source: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(source)
    await fetch(source.owner, "CREATE TABLE kept AS SELECT 1 AS x; ")
    name = source.owner.split("/")[3].partition("?")[0]
    for typed, left in (("yes", 1), ("", 1), (name, 0)):
        (tmp_path / "typed").write_text(f"{typed}\n", encoding="utf-8")
        with (tmp_path / "typed").open(encoding="utf-8") as keyboard:
            monkeypatch.setattr(sys, "stdin", keyboard)
            code, _, _ = await cli("restore", backup, "--replace")
        assert code == left
        held = await fetch(source.owner, "SELECT FROM pg_tables WHERE tablename = 'kept'")
        assert len(held) == left


async def test_a_database_the_application_is_connected_to(
    cli: Cli, on: On, backup: Path, shop: System, source: Addresses
) -> None:
    on(source)
    await shop.application.database.probe()

    assert "The application is connected" in refused(await cli("restore", backup, "--replace", "--yes"))


async def test_another_role_than_the_owner(
    cli: Cli, backup: Path, source: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATION_DATABASE_URL", source.app)

    for arguments in (("backup", tmp_path / "c.zip"), ("restore", backup)):
        assert "signs in as hello_app; backups are made and restored as hello_owner" in refused(await cli(*arguments))


async def test_files_that_are_there_already(cli: Cli, backup: Path, clean_settings: Path, empty: Addresses) -> None:
    other = clean_settings / "files" / "other.png"
    other.write_bytes(b"other")
    assert "DATA_DIR/files holds files already" in refused(await cli("restore", backup))
    assert await tables(empty.owner) == 0

    assert (await cli("restore", backup, "--replace", "--yes"))[0] == 0
    assert [path.name for path in (clean_settings / "files").iterdir()] == ["poster.png"]


async def test_a_name_that_is_taken_and_a_database_without_a_schema(cli: Cli, backup: Path, tmp_path: Path) -> None:
    assert "exists already; name another file" in refused(await cli("backup", backup))
    assert "this database has no schema yet" in refused(await cli("backup", tmp_path / "c.zip"))


async def test_a_disk_that_is_full_leaves_nothing_behind(source: Addresses, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    target = tmp_path / "place" / "b.zip"
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "backup.py", "backup", target],
        env={"DATA_DIR": str(tmp_path / "data"), "MIGRATION_DATABASE_URL": source.owner, "PATH": "/usr/bin:/bin"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: {target} could not be written (File too large)."
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("verb", ["restore", "verify"])
async def test_wrong_usage_is_exit_code_two(cli: Cli, verb: str) -> None:
    assert await cli(verb) == (2, "", "error: Missing argument 'FILE'.\n")
