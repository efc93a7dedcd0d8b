from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from app.infrastructure.database import migrations
from app.infrastructure.database.addresses import Addresses
from app.shared.settings import ROOT
from tests.support.revisions import write_table_revisions


def alembic(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """As typed in a checkout at `folder`, with nothing in the environment but `variables`."""
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "alembic", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)


def current(database: Addresses) -> str | None:
    return asyncio.run(migrations.current_revision(database.owner))


def test_alembic_finds_the_address_in_the_settings(revisions: Path, database: Addresses) -> None:
    write_table_revisions(revisions, 2)

    ran = alembic(revisions.parents[1], "upgrade", "head", MIGRATION_DATABASE_URL=database.owner)

    assert current(database) == "0002"
    assert "Running upgrade 0001 -> 0002, table 2 [new]" in ran.stderr


def test_alembic_takes_an_address_from_its_command_line(revisions: Path, database: Addresses) -> None:
    write_table_revisions(revisions, 2)

    alembic(revisions.parents[1], "-x", f"owner_dsn={database.owner}", "upgrade", "+1")

    assert current(database) == "0001"


@pytest.mark.usefixtures("database_server")
def test_alembic_starts_the_embedded_server_without_an_address(revisions: Path, tmp_path: Path) -> None:
    write_table_revisions(revisions, 1)
    data = str(tmp_path / "data")

    alembic(revisions.parents[1], "upgrade", "head", DATA_DIR=data)

    assert "0001 (head)" in alembic(revisions.parents[1], "current", DATA_DIR=data).stdout


def test_the_offline_script_does_what_the_online_run_does(revisions: Path, database: Addresses) -> None:
    write_table_revisions(revisions, 2)

    script = alembic(revisions.parents[1], "upgrade", "head", "--sql").stdout

    asyncio.run(_execute(database.owner, script))
    assert current(database) == "0002"
    assert script.count("COMMIT;") == 2
    assert "SET lock_timeout = '5s'" in script
    assert "pg_advisory_lock" in script


async def _execute(dsn: str, script: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(script)
    finally:
        await connection.close()
