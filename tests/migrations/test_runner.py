from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncpg
import pytest
from alembic.util.exc import CommandError

from app.infrastructure.database import migrations
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.migration_authoring import drift
from app.infrastructure.database.migration_faults import MigrationFault, one_sentence
from app.infrastructure.database.migrations import Step
from tests.migrations.conftest import Ask, tables
from tests.support.revisions import write_revision, write_table_revisions


def test_an_upgrade_runs_every_revision_and_tells_each(revisions: Path, database: Addresses, ask: Ask) -> None:
    ids = write_table_revisions(revisions, 3)
    steps: list[Step] = []

    migrations.upgrade(database.owner, on_step=steps.append)

    assert [(step.revision, step.title, step.upgrade) for step in steps] == [
        (ids[0], "table 1 [new]", True),
        (ids[1], "table 2 [new]", True),
        (ids[2], "table 3 [new]", True),
    ]
    assert all(step.seconds > 0 for step in steps)
    assert tables(ask) == ["table_1", "table_2", "table_3"]


def test_a_downgrade_takes_back_in_reverse_order(revisions: Path, database: Addresses, ask: Ask) -> None:
    write_table_revisions(revisions, 3)
    migrations.upgrade_to_head(database.owner)
    steps: list[Step] = []

    migrations.downgrade(database.owner, "-2", on_step=steps.append)

    assert [(step.revision, step.upgrade) for step in steps] == [("0003", False), ("0002", False)]
    assert tables(ask) == ["table_1"]
    migrations.downgrade(database.owner, "base")
    assert tables(ask) == []


async def test_current_and_pending_follow_the_database(revisions: Path, database: Addresses) -> None:
    write_table_revisions(revisions, 3)
    assert await migrations.current_revision(database.owner) is None
    assert await migrations.pending(database.owner) == ["0001", "0002", "0003"]

    await asyncio.to_thread(migrations.upgrade, database.owner, "+2")

    assert await migrations.current_revision(database.owner) == "0002"
    assert await migrations.pending(database.owner) == ["0003"]
    assert migrations.head_revision() == "0003"


async def test_a_database_ahead_of_the_checkout_has_nothing_pending(revisions: Path, database: Addresses) -> None:
    write_table_revisions(revisions, 2)
    await asyncio.to_thread(migrations.upgrade_to_head, database.owner)
    (revisions / "0002_step.py").unlink()

    assert await migrations.pending(database.owner) == []
    with pytest.raises(MigrationFault, match=r"Can't locate revision identified by '0002'.*needs newer code"):
        await asyncio.to_thread(migrations.upgrade_to_head, database.owner)
    with pytest.raises(MigrationFault, match="a revision this checkout does not know"):
        await asyncio.to_thread(migrations.downgrade, database.owner, "-1")


def test_a_checkout_without_revisions_has_no_head(revisions: Path) -> None:
    with pytest.raises(MigrationFault, match="no revisions yet"):
        migrations.head_revision()
    assert migrations.history() == []


def test_two_branches_are_refused(revisions: Path) -> None:
    write_table_revisions(revisions, 2)
    text = (revisions / "0002_step.py").read_text(encoding="utf-8")
    (revisions / "0003_step.py").write_text(text.replace('"0002"', '"0003"'), encoding="utf-8")

    with pytest.raises(MigrationFault, match="multiple heads"):
        migrations.head_revision()


@pytest.mark.parametrize("revision", ["+4", "-1", "-12"])
def test_a_relative_step_past_the_end_is_refused(revision: str, revisions: Path, database: Addresses) -> None:
    write_table_revisions(revisions, 3)

    with pytest.raises(MigrationFault, match="0 revisions below this one and 3 above"):
        migrations.upgrade(database.owner, revision)


def test_a_failing_revision_is_rolled_back_and_named_and_earlier_ones_stay(
    revisions: Path, database: Addresses, ask: Ask
) -> None:
    write_table_revisions(revisions, 1)
    write_revision(revisions, 2, up="CREATE TABLE table_2 (id int); SELECT 1 / 0")

    with pytest.raises(MigrationFault, match=r"^0002_step\.py, line 7, failed and was rolled back: division by"):
        migrations.upgrade_to_head(database.owner)

    assert tables(ask) == ["table_1"]
    assert asyncio.run(migrations.current_revision(database.owner)) == "0001"


def test_drift_is_not_compared_while_revisions_are_pending(revisions: Path, database: Addresses) -> None:
    write_table_revisions(revisions, 1)

    with pytest.raises(MigrationFault, match="upgrade it first"):
        drift(database.owner)


async def test_a_version_table_of_another_tool_is_told(revisions: Path, database: Addresses, ask: Ask) -> None:
    write_table_revisions(revisions, 1)
    await asyncio.to_thread(ask, "CREATE TABLE alembic_version (number int)")

    with pytest.raises(MigrationFault, match=r'The database refuses: column "version_num" does not exist\.'):
        await migrations.current_revision(database.owner)
    with pytest.raises(MigrationFault, match=r"^A statement failed and was rolled back: column alembic_version"):
        await asyncio.to_thread(migrations.upgrade_to_head, database.owner)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "was lost: Connection reset by peer. Try again."),
        (TimeoutError(), "was lost: it took too long. Try again."),
        (asyncpg.InterfaceError("connection is closed"), "was lost: connection is closed. Try again."),
        (CommandError("two\nlines"), "two."),
        (asyncpg.PostgresError(""), "The database refuses: PostgresError."),
    ],
)
def test_what_libraries_raise_becomes_one_sentence(error: Exception, words: str) -> None:
    with pytest.raises(MigrationFault, match=f"{re.escape(words)}$"), one_sentence():
        raise error


def test_the_session_of_a_migration_has_its_limits(revisions: Path, database: Addresses, ask: Ask) -> None:
    settings = "current_setting('lock_timeout'), current_setting('statement_timeout')"
    write_revision(
        revisions, 1, up=f"CREATE TABLE table_1 AS SELECT {settings} AS limits".replace("), c", ") || ' ' || c")
    )

    migrations.upgrade_to_head(database.owner)

    assert [row["limits"] for row in ask("SELECT limits FROM table_1")] == ["5s 1min"]


def test_an_index_can_be_built_concurrently(revisions: Path, database: Addresses, ask: Ask) -> None:
    write_table_revisions(revisions, 1)
    (revisions / "0002_index.py").write_text(
        '''"""index"""
from alembic import op
revision = "0002"
down_revision = "0001"
def upgrade():
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.create_index("ix_table_1_id", "table_1", ["id"], postgresql_concurrently=True)
        op.execute("RESET statement_timeout")
''',
        encoding="utf-8",
    )

    migrations.upgrade_to_head(database.owner)

    assert ask("SELECT 1 FROM pg_indexes WHERE indexname = 'ix_table_1_id'")
