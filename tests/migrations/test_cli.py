from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.migrations.conftest import Ask, Cli, refused
from tests.support.revisions import write_revision, write_table_revisions


def test_status_names_database_revision_and_what_is_pending(configured: Cli, revisions: Path) -> None:
    write_table_revisions(revisions, 3)
    configured("upgrade", "+1")

    code, out, _ = configured("status")

    assert code == 0
    assert "as hello_owner, PostgreSQL 18" in out
    assert "current   0001  table 1 [new]\nnewest    0003  table 3 [new]\npending   2\n" in out
    assert out.endswith("  0002  table 2 [new]\n  0003  table 3 [new]\n")


def test_status_of_an_empty_checkout_and_of_a_database_ahead(configured: Cli, revisions: Path) -> None:
    assert "current   none\nnewest    none\npending   none\n" in configured("status")[1]
    write_table_revisions(revisions, 2)
    configured("upgrade")
    (revisions / "0002_step.py").unlink()

    assert "current   0002  (not in this checkout: the database is ahead of it)" in configured("status")[1]
    assert "newest    0001" in configured("status")[1]


@pytest.mark.parametrize("verb", ["upgrade", "apply"])
def test_upgrade_shows_each_revision_as_it_is_done(verb: str, configured: Cli, revisions: Path) -> None:
    write_table_revisions(revisions, 2)

    code, out, err = configured(verb)

    assert (code, err) == (0, "")
    first, second, last = out.splitlines()
    assert first.startswith("  up    0001  table 1 [new]  (")
    assert second.startswith("  up    0002  table 2 [new]  (")
    assert last == "The database is at 0002."


def test_upgrade_stops_where_it_is_told_and_again_does_nothing(configured: Cli, revisions: Path) -> None:
    write_table_revisions(revisions, 3)

    assert configured("upgrade", "0002")[1].endswith("The database is at 0002.\n")
    assert configured("upgrade", "0002")[1] == "The database is at 0002.\n"
    assert configured("upgrade", "+1")[1].endswith("The database is at 0003.\n")


def test_downgrade_takes_back_what_it_is_told(configured: Cli, revisions: Path) -> None:
    write_table_revisions(revisions, 3)
    configured("upgrade")

    code, out, _ = configured("downgrade", "-1", "--yes")

    assert code == 0
    assert out.startswith("  down  0003  table 3 [new]")
    assert configured("downgrade", "--yes", "base")[1].endswith("The database is at base.\n")


@pytest.mark.parametrize(("answer", "left"), [("n", "0001"), ("y", "base"), ("", "0001")])
def test_downgrade_asks_first(
    answer: str, left: str, configured: Cli, revisions: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_table_revisions(revisions, 1)
    configured("upgrade")
    typed = tmp_path / "typed"
    typed.write_text(answer, encoding="utf-8")

    with typed.open(encoding="utf-8") as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        code, _, _ = configured("downgrade", "base")

    assert code == (0 if answer == "y" else 1)
    assert configured("current")[1] == f"{left}\n"


def test_history_needs_no_database(cli: Cli, revisions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table_revisions(revisions, 2)
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")

    assert cli("migrate", "history") == (0, "0001  table 1 [new]\n0002  table 2 [new]\n", "")
    assert cli("list") == cli("migrate", "history")


def test_an_empty_revision_needs_no_database_and_continues_the_numbers(cli: Cli, revisions: Path) -> None:
    write_table_revisions(revisions, 2)

    code, out, _ = cli("migrate", "create", "Back-fill names", "--empty")

    written = revisions / "0003_back_fill_names.py"
    assert (code, out) == (0, f"Wrote {written}\n")
    assert 'down_revision: str | Sequence[str] | None = "0002"' in written.read_text(encoding="utf-8")
    assert "import sqlalchemy" not in written.read_text(encoding="utf-8")


def test_revisions_with_ids_of_another_form_are_continued_in_alembics_own(cli: Cli, revisions: Path) -> None:
    write_revision(revisions, 1)
    path = revisions / "0001_step.py"
    path.write_text(path.read_text(encoding="utf-8").replace('"0001"', '"ae1027a6acf4"'), encoding="utf-8")

    cli("generate", "next", "--empty")

    (written,) = revisions.glob("*_next.py")
    assert len(written.name) == len("ae1027a6acf4_next.py")


def test_what_the_rows_have_and_the_database_lacks_becomes_a_revision_that_passes_the_check_but_for_policies(
    configured: Cli, revisions: Path, ask: Ask
) -> None:
    code, out, _ = configured("auto", "everything")

    assert code == 0
    assert f"Wrote {revisions / '0001_everything.py'}\nRead it first: policies" in out
    assert out.endswith("The database is at 0001.\n")
    assert "AutoString" not in (revisions / "0001_everything.py").read_text(encoding="utf-8")
    assert configured("auto", "nothing")[1] == "The rows and the database agree; nothing was written.\n"
    code, out, err = configured("check")
    assert "ok    drift       the rows and the database agree\n" in out
    assert "FAIL  roles       Table orders has a tenant_id but no forced row-level security with a policy.\n" in out
    assert "found, listed above." in refused((code, out, err))


def test_a_difference_is_found_by_check_and_not_written_over_pending_revisions(
    configured: Cli, revisions: Path, ask: Ask
) -> None:
    configured("auto", "everything")
    ask("ALTER TABLE orders ADD COLUMN surplus text")
    ask("ALTER TABLE products ALTER COLUMN name TYPE varchar(10)")
    ask("CREATE TABLE leftover (id int)")
    ask("CREATE INDEX ix_surplus ON orders (surplus)")

    out = configured("check")[1]

    assert "FAIL  drift       remove_column orders.surplus\n" in out
    assert "FAIL  drift       modify_type products.name\n" in out
    assert "FAIL  drift       remove_table leftover\n" in out
    assert "FAIL  drift       remove_index orders.ix_surplus\n" in out
    write_revision(revisions, 2)
    assert "lacks revisions of this checkout" in refused(configured("migrate", "create", "too early"))
    assert "FAIL  revisions   1 pending (0002); run upgrade.\n" in configured("check")[1]


def test_check_passes_on_the_checked_in_revisions(configured: Cli) -> None:
    assert configured("upgrade")[0] == 0

    code, out, err = configured("check")

    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["ok", what] for what in ("connection", "roles", "revisions", "drift")
    ]


def test_check_finds_a_database_ahead_of_the_checkout(configured: Cli, revisions: Path) -> None:
    write_table_revisions(revisions, 2)
    configured("upgrade")
    (revisions / "0002_step.py").unlink()

    assert "FAIL  revisions   0002 is not in this checkout" in configured("check")[1]
