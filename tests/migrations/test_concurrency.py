"""Traffic on the tables, and other migrators, while a revision runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.infrastructure.database import migration_session, migrations
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.migration_faults import MigrationLockedOut
from app.infrastructure.database.migration_session import MigrationUnderWay
from app.shared.settings import ROOT
from tests.migrations.conftest import Ask, tables
from tests.support.revisions import write_revision, write_table_revisions


@pytest.fixture
def quick_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "LOCK_PAUSE", 0.01)
    monkeypatch.setitem(migration_session.SESSION_SETTINGS, "lock_timeout", "50ms")


@pytest.fixture
def holding(database: Addresses) -> Iterator[Any]:
    """Runs SQL in a session that stays open, as a forgotten psql would."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(database.owner))
        yield lambda sql: runner.run(connection.execute(sql))
        runner.run(connection.close())


@pytest.mark.usefixtures("quick_locks")
def test_a_table_in_use_is_tried_again_and_then_given_up(
    revisions: Path, database: Addresses, ask: Ask, holding: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table_revisions(revisions, 1)
    migrations.upgrade_to_head(database.owner)
    write_revision(revisions, 2, up="ALTER TABLE table_1 ADD COLUMN name text")
    waits: list[float] = []
    monkeypatch.setattr("app.infrastructure.database.migrations._pause", waits.append)
    holding("BEGIN; LOCK TABLE table_1")

    with pytest.raises(MigrationLockedOut, match=r"0002_step\.py, line 7, could not get its lock"):
        migrations.upgrade_to_head(database.owner)
    assert len(waits) == migrations.LOCK_TRIES - 1
    assert waits == sorted(waits)

    monkeypatch.setattr("app.infrastructure.database.migrations._pause", lambda _seconds: holding("ROLLBACK"))
    holding("BEGIN; LOCK TABLE table_1")
    migrations.upgrade_to_head(database.owner)
    assert asyncio.run(migrations.current_revision(database.owner)) == "0002"


LONG_ENOUGH_FOR_BOTH = 4.0
"""Seconds: however slowly the second process starts, it has read the revision before the first one commits."""


def _slow_revision(folder: Path, seconds: float = 0.3) -> None:
    write_revision(
        folder, 1, up=f"SELECT pg_sleep({seconds}); CREATE TABLE table_1 (id int)", down="DROP TABLE table_1"
    )


def _two_processes(project: Path, owner_dsn: str) -> list[int]:
    command = [sys.executable, "-m", "alembic", "-q", "-x", f"owner_dsn={owner_dsn}", "upgrade", "head"]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    both = [subprocess.Popen(command, cwd=project, env=environment, stdout=quiet, stderr=quiet) for _ in range(2)]
    return sorted(process.wait(60) for process in both)


def test_two_migrators_at_once_both_succeed(revisions: Path, database: Addresses, ask: Ask) -> None:
    _slow_revision(revisions)

    assert _two_processes(revisions.parents[1], database.owner) == [0, 0]
    assert tables(ask) == ["table_1"]


def test_two_migrators_at_once_collide_without_the_lock(revisions: Path, database: Addresses) -> None:
    environment = revisions.parent / "env.py"
    text = environment.read_text(encoding="utf-8")
    unlocked = text.replace("await hold_migration_lock(connection, wait=LOCK_WAIT)", "pass")
    assert unlocked != text
    environment.write_text(unlocked, encoding="utf-8")
    _slow_revision(revisions, seconds=LONG_ENOUGH_FOR_BOTH)

    assert _two_processes(revisions.parents[1], database.owner) == [0, 1]


def test_two_threads_of_one_process_take_turns(revisions: Path, database: Addresses, ask: Ask) -> None:
    _slow_revision(revisions)

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(migrations.upgrade_to_head, database.owner) for _ in range(2)]

    assert [run.exception() for run in runs] == [None, None]
    assert tables(ask) == ["table_1"]


def test_a_migrator_that_never_gets_its_turn_says_so(
    revisions: Path, database: Addresses, holding: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow_revision(revisions)
    monkeypatch.setattr(migration_session, "LOCK_WAIT", 0.05)
    monkeypatch.setattr(migration_session, "LOCK_POLL", 0.01)
    holding(f"SELECT pg_advisory_lock({migration_session.ADVISORY_LOCK})")

    with pytest.raises(MigrationUnderWay, match="still running"):
        migrations.upgrade_to_head(database.owner)
