"""What a restore leaves when it is broken off, or when what it made is not what it should be."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.migrations import downgrade
from app.infrastructure.database.verdict import database_faults
from app.shared.settings import ROOT, Settings
from tests.integration.backup.conftest import Cli, On, fetch, refused, tables
from tests.integration.backup.test_refusals import with_manifest
from tests.support.system import System, running
from tools.backups.data_folder import StagedFiles
from tools.backups.faults import BackupFault
from tools.backups.target import APPLICATION

PATIENCE = 60
RESTORING = (
    f"SELECT pid FROM pg_stat_activity WHERE application_name = '{APPLICATION}' AND datname = current_database()"
)


@pytest.fixture
async def backup(cli: Cli, on: On, shop: System, source: Addresses, empty: Addresses, tmp_path: Path) -> Path:
    """Of a shop that sold something; from here on the tool works on the empty database."""
    organizer = await shop.organizer()
    await shop.place(organizer.owner, (await shop.product(organizer)).id)
    on(source)
    assert (await cli("backup", tmp_path / "b.zip"))[0] == 0
    on(empty)
    return tmp_path / "b.zip"


async def until(true: Callable[[], Awaitable[object]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def restoring(backup: Path, data_dir: Path) -> subprocess.Popen[bytes]:
    """In a process of its own, which a test may kill."""
    return subprocess.Popen(
        [sys.executable, ROOT / "tools" / "backup.py", "restore", backup],
        env={**os.environ, "DATA_DIR": str(data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_a_killed_restore_leaves_nothing_and_the_next_one_goes_on(
    cli: Cli, backup: Path, empty: Addresses, clean_settings: Path
) -> None:
    """A table of the same name, not committed, holds the restore in the middle of its transaction."""
    obstacle = await asyncpg.connect(empty.owner)
    transaction = obstacle.transaction()
    await transaction.start()
    await obstacle.execute("CREATE TABLE users (id int)")
    tool = restoring(backup, clean_settings)
    try:
        await until(lambda: fetch(empty.owner, f"{RESTORING} AND wait_event_type = 'Lock'"))
    finally:
        tool.kill()
        tool.wait()
    await transaction.rollback()
    await obstacle.close()

    async def over() -> bool:
        return not await fetch(empty.owner, RESTORING)

    await until(over)
    assert await tables(empty.owner) == 0
    code, out, err = await cli("restore", backup)
    assert (code, err) == (0, "")
    assert out.startswith("restored ")
    assert len(await fetch(empty.owner, "SELECT FROM orders")) == 1


async def test_a_restore_that_could_not_put_its_files_is_finished_by_the_next(
    cli: Cli, backup: Path, empty: Addresses, machine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: StagedFiles) -> None:
        raise BackupFault("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(StagedFiles, "put", full)
        refused(await cli("restore", backup))
    mark = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    assert "without its files yet" in str(await fetch(empty.owner, mark))
    async with running(machine, empty) as system:
        (fault,) = await database_faults(system.application.database)
    assert fault.startswith("A restore into this database was not finished")
    another = with_manifest(backup, lambda document: document.update(version="another"))
    assert "The database is not empty" in refused(await cli("restore", another))

    assert (await cli("restore", backup))[0] == 0

    assert await fetch(empty.owner, mark) == [(None,)]
    assert "The database is not empty" in refused(await cli("restore", backup))


async def test_a_marked_database_that_was_changed_since_is_not_taken_for_the_backups(
    cli: Cli, backup: Path, empty: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: StagedFiles) -> None:
        raise BackupFault("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(StagedFiles, "put", full)
        refused(await cli("restore", backup))
    await fetch(empty.owner, "UPDATE orders SET customer_name = 'Somebody else'")

    assert "The database is not empty" in refused(await cli("restore", backup))


DAMAGES = {
    "DROP POLICY tenant_isolation ON orders": "missing: policy orders.tenant_isolation * to hello_app using",
    "ALTER POLICY tenant_isolation ON products USING (true)": "added: policy products.tenant_isolation * to hello_app",
    "ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY": "added: table sessions (r) of hello_owner, row-level security",
    "GRANT DELETE ON events TO hello_app": "added: grant on table events: hello_app may DELETE",
    "REVOKE INSERT ON outbox FROM hello_app": "missing: grant on table outbox: hello_app may INSERT",
    "GRANT SELECT (password_hash) ON credentials TO PUBLIC": "added: grant on column credentials.password_hash: PUBLIC",
    "ALTER TABLE stock_pools DROP CONSTRAINT ck_stock_pools_never_oversold": "missing: constraint stock_pools.ck_stock",
    "CREATE INDEX ix_of_our_own ON orders (placed_at)": "added: index CREATE INDEX ix_of_our_own",
}


async def test_a_schema_that_no_longer_guards_as_the_migrations_made_it_is_caught(
    cli: Cli, on: On, source: Addresses, empty: Addresses, tmp_path: Path
) -> None:
    for damage in DAMAGES:
        await fetch(source.owner, damage)
    on(source)
    assert (await cli("backup", tmp_path / "b.zip"))[0] == 0
    on(empty)

    for verb in ("restore", "verify"):
        said = refused(await cli(verb, tmp_path / "b.zip"))
        assert "The schema is not what revision" in said
        assert "Nothing is kept" in said
    assert await tables(empty.owner) == 0
    code, out, _ = await cli("restore", tmp_path / "b.zip", "--accept-differences")
    assert code == 0
    assert [
        told for told in DAMAGES.values() if f"WARNING      The schema differs, as you accepted. {told}" not in out
    ] == []


async def test_rows_that_are_not_those_backed_up_are_caught(cli: Cli, backup: Path, empty: Addresses) -> None:
    forged = with_manifest(backup, lambda document: document["tables"]["orders"].update(checksum="0:0"))

    for verb in ("restore", "verify"):
        assert "differs from what was backed up in: orders. Nothing is kept" in refused(await cli(verb, forged))
    assert await tables(empty.owner) == 0


async def test_replacing_keeps_the_old_data_when_the_new_is_wrong(
    cli: Cli, on: On, backup: Path, source: Addresses, shop: System
) -> None:
    forged = with_manifest(backup, lambda document: document["tables"]["orders"].update(rows=5))
    await shop.application.database.close()
    on(source)

    refused(await cli("restore", forged, "--replace", "--yes"))

    assert len(await fetch(source.owner, "SELECT FROM orders")) == 1


async def test_a_backup_of_an_older_revision_says_what_is_pending(
    cli: Cli, on: On, source: Addresses, empty: Addresses, tmp_path: Path
) -> None:
    await asyncio.to_thread(downgrade, source.owner, "0001")
    on(source)
    await cli("backup", tmp_path / "b.zip")
    on(empty)

    code, out, _ = await cli("restore", tmp_path / "b.zip")

    assert code == 0
    assert "schema 0001" in out
    assert "\npending      0002, " in out
    assert "run `python tools/migrate-db.py upgrade`" in out


async def test_verify_prints_what_it_compared_and_list_what_there_is(cli: Cli, backup: Path) -> None:
    code, out, err = await cli("verify", backup)
    assert (code, err) == (0, "")
    assert "orders" in out
    assert "policies and grants" in out
    assert "DIFFERS" not in out
    assert out.endswith("verified     every byte, row, policy and grant\n")

    (backup.parent / "broken.zip").write_bytes(b"broken")
    code, out, _ = await cli("list", backup.parent)
    assert code == 0
    assert "b.zip" in out
    assert "not a backup" in out
