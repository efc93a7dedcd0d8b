from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.infrastructure.database.addresses import Addresses
from app.shared.settings import ROOT
from tests.migrations.conftest import Cli, refused, set_addresses
from tests.support.revisions import write_table_revisions


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["frobnicate"], "error: No such command 'frobnicate'.\n"),
        (["upgrade", "--fast"], "error: No such option: --fast\n"),
        (["upgrade", "0001", "0002"], "error: Got unexpected extra argument(s) (0002)\n"),
        (["downgrade"], "error: Missing argument 'REV'.\n"),
        (["migrate"], "error: Missing command.\n"),
        (["migrate", "create"], "error: Missing argument 'MESSAGE'.\n"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_two(arguments: list[str], line: str, cli: Cli) -> None:
    assert cli(*arguments) == (2, "", line)


def test_no_verb_at_all_shows_the_help(cli: Cli) -> None:
    code, out, _ = cli()

    assert code == 0
    for verb in ("status", "upgrade", "downgrade", "current", "check", "bootstrap", "migrate", "apply", "auto", "list"):
        assert f" {verb} " in out


@pytest.mark.parametrize("verb", [("upgrade", "9999"), ("downgrade", "9999", "--yes")])
def test_an_unknown_revision_is_one_line(verb: tuple[str, ...], configured: Cli, revisions: Path) -> None:
    write_table_revisions(revisions, 1)

    assert "Can't locate revision identified by '9999'; `list` shows" in refused(configured(*verb))


@pytest.mark.parametrize("verb", ["status", "upgrade", "current", "check"])
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://hello_owner:hunter2@127.0.0.1:1/x", "does not answer"),
        ("postgresql://hello_owner:hunter2@/x?host=/nowhere", "does not answer"),
        ("postgresql://hello_owner:hunter2/x@127.0.0.1:1/x", "is not an address"),
        ("mysql://hello_owner:hunter2@127.0.0.1/x", "is not an address"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line_without_the_password(
    verb: str, address: str, words: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in ("DATABASE_URL", "WORKER_DATABASE_URL", "MIGRATION_DATABASE_URL"):
        monkeypatch.setenv(setting, address)

    line = refused(cli(verb))

    assert words in line
    assert "MIGRATION_DATABASE_URL" in line
    assert "hunter2" not in line


def test_a_database_that_does_not_exist_is_one_line(
    configured: Cli, database: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = replace(database, owner_dsn=database.owner.replace("/test_", "/never_"))
    set_addresses(monkeypatch, elsewhere)

    assert "refuses the connection: database" in refused(configured("status"))


def test_an_address_missing_is_named(cli: Cli, database: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database.app)
    assert "DATABASE_URL is set but WORKER_DATABASE_URL is not" in refused(cli("upgrade"))

    monkeypatch.setenv("WORKER_DATABASE_URL", database.worker)
    assert "MIGRATION_DATABASE_URL is not set" in refused(cli("upgrade"))

    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("MIGRATION_DATABASE_URL", database.owner)
    assert "MIGRATION_DATABASE_URL is set but DATABASE_URL is not" in refused(cli("check"))
    assert cli("current") == (0, "base\n", "")


def test_a_broken_env_file_is_one_line(cli: Cli, clean_settings: Path) -> None:
    clean_settings.write_text("PORT=eighty\nWORKERS=none\n", encoding="utf-8")
    line = refused(cli("status"))
    assert "PORT: " in line
    assert "WORKERS: " in line

    clean_settings.write_bytes(b"SECRET_KEY=\xff\xfe\n")
    assert "not UTF-8" in refused(cli("status"))


def test_it_works_on_the_embedded_server(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))

    assert cli("upgrade")[0] == 0
    code, out, err = cli("check")

    assert (code, err) == (0, "")
    assert out.count("ok    ") == 4


def test_it_runs_from_any_folder(tmp_path: Path) -> None:
    script = str(ROOT / "tools" / "migrate-db.py")
    environment = {"PATH": os.defpath}

    listed = subprocess.run(
        [sys.executable, script, "list"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    assert listed.stdout.startswith("0001  ")
    assert listed.stderr == ""
    refusal = subprocess.run([sys.executable, script, "lisst"], env=environment, capture_output=True, check=False)
    assert refusal.returncode == 2


def test_a_python_without_the_requirements_hands_over_or_says_what_is_missing(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "tools").mkdir(parents=True)
    script = checkout / "tools" / "migrate-db.py"
    script.write_bytes((ROOT / "tools" / "migrate-db.py").read_bytes())
    bare = [sys.executable, "-I", "-S", str(script), "current"]

    alone = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert (alone.returncode, alone.stderr.count("\n")) == (1, 1)
    assert "./start.sh" in alone.stderr

    own = checkout / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text('#!/bin/sh\necho "handed over: $*"\n', encoding="utf-8")
    own.chmod(0o755)
    assert subprocess.check_output(bare, text=True) == f"handed over: {script} current\n"
