"""tools/MIGRATE_DB.md: what it shows is what the command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from app.shared.settings import ROOT
from tests.migrations.conftest import Cli
from tests.support.revisions import write_revision
from tools.migrate_verbs import app, migrate

TEXT = (ROOT / "tools" / "MIGRATE_DB.md").read_text(encoding="utf-8")
PROMPT = "$ python tools/migrate-db.py "


def examples() -> list[tuple[str, str]]:
    """Each command shown, with what is shown under it."""
    blocks = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    shown = [part for block in blocks for part in block.split(PROMPT)[1:]]
    return [(command, output) for command, _, output in (part.partition("\n") for part in shown)]


def alike(text: str, project: Path | None = None) -> str:
    """Leaves out what differs from run to run: times, the database's name, PostgreSQL's minor version, the folder."""
    if project is not None:
        text = text.replace(str(project), "/srv/hello-ticket")
    for pattern, word in (
        (r"\(\d+\.\d\d s\)", "(N s)"),
        (r"(hello_ticket|test_\w+)\b", "DB"),
        (r"QL 18\.\d+", "QL 18"),
    ):
        text = re.sub(pattern, word, text)
    return text


def test_the_examples_print_what_is_shown(configured: Cli, revisions: Path) -> None:
    write_revision(revisions, 1, title="first release")
    write_revision(revisions, 2, title="orders remember their channel")
    project = revisions.parents[1]
    shown = [example for example in examples() if example[0] != "check"]

    assert len(shown) > 12
    for command, output in shown:
        _, out, err = configured(*shlex.split(command))
        assert alike(out + err, project) == alike(output), command


def test_the_example_of_check_prints_what_is_shown(configured: Cli) -> None:
    configured("upgrade")
    (output,) = [output for command, output in examples() if command == "check"]

    printed = configured("check")[1]

    assert re.sub(r"at \d{4}", "at N", alike(printed)) == re.sub(r"at \d{4}", "at N", alike(output))


@pytest.mark.parametrize(
    "verb", [*(command.name or command.callback.__name__ for command in app.registered_commands if command.callback)]
)
def test_every_verb_is_documented(verb: str) -> None:
    assert re.search(rf"`{verb}[` ]", TEXT)


def test_every_verb_of_migrate_is_documented() -> None:
    for command in migrate.registered_commands:
        assert command.callback is not None
        assert f"`migrate {command.callback.__name__}" in TEXT
