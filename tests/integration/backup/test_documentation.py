"""tools/BACKUP.md: every verb and option, and what is shown is what is printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from app.infrastructure.database.addresses import Addresses
from app.shared.settings import ROOT
from tests.integration.backup.conftest import Cli, On
from tools.backups.verbs import app

TEXT = (ROOT / "tools" / "BACKUP.md").read_text(encoding="utf-8")
PROMPT = "$ python tools/backup.py "
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group


def examples() -> list[tuple[str, str]]:
    """Each command shown, with what is shown under it."""
    blocks = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    return [
        (command, output) for command, _, output in (block.removeprefix(PROMPT).partition("\n") for block in blocks)
    ]


def alike(text: str, folder: Path | None = None) -> str:
    """Leaves out what differs from run to run."""
    if folder is not None:
        text = text.replace(str(folder), "/backups")
    for pattern, word in (
        (r"[0-9a-f]{64}", "DIGEST"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"\d+\.\d MB", "N MB"),
        (r"in \d+ tables, schema \d{4}", "in N tables, schema N"),
        (r"(hello_ticket|backup_\w+) from", "DB from"),
    ):
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_every_verb_and_option_is_documented(verb: str) -> None:
    assert re.search(rf"`{verb}[` ]", TEXT)
    for parameter in COMMANDS[verb].params:
        option = parameter.opts[0]
        assert not option.startswith("--") or f"`{option}`" in TEXT, option


async def test_the_examples_print_what_is_shown(
    cli: Cli, on: On, source: Addresses, empty: Addresses, tmp_path: Path
) -> None:
    shown = examples()
    assert [command.split()[0] for command, _ in shown] == ["backup", "restore"]
    for (command, output), addresses in zip(shown, (source, empty), strict=True):
        on(addresses)
        code, out, err = await cli(*shlex.split(command.replace("/backups", str(tmp_path))))
        assert (code, err) == (0, "")
        assert alike(out, tmp_path) == alike(output)
