"""What ships beside the code says the same as the code."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from app.shared.settings import ROOT, Settings

VARIABLES = {name.upper() for name in Settings.model_fields}
EXAMPLE = dotenv_values(ROOT / "env.example")
COMPOSE_ONLY = {
    "POSTGRES_SUPERUSER_PASSWORD",
    "OWNER_DATABASE_PASSWORD",
    "APP_DATABASE_PASSWORD",
    "WORKER_DATABASE_PASSWORD",
    "REDIS_PASSWORD",
    "PUBLISH",
    "APP_VERSION",
}
SHOWN_EMPTY = {"DATA_DIR"}
"""Its default is a path in the checkout, which the comment above it says."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def version() -> str:
    found: str = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    return found


def test_env_example_names_every_setting_and_no_other() -> None:
    assert set(EXAMPLE) - COMPOSE_ONLY == VARIABLES


def test_env_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    as_shown = Settings(_env_file=ROOT / "env.example")

    assert as_shown == Settings(_env_file=None)
    shown_empty = {name for name, value in EXAMPLE.items() if not value and name in VARIABLES}
    with_default = {name for name in VARIABLES if getattr(as_shown, name.lower()) not in (None, "")}
    assert shown_empty & with_default == SHOWN_EMPTY


def test_every_variable_of_env_example_is_explained() -> None:
    """The lines above it, back to the empty one, begin with a comment that is not a heading."""
    for group in re.split(r"\n{2,}", text_of("env.example")):
        if "=" in re.sub(r"^#.*$", "", group, flags=re.MULTILINE):
            assert re.match(r"# (?!---)", group), group


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d{2}-\d{2}))?$", text_of("CHANGELOG.md"), re.MULTILINE)

    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == version()
    assert all(date for _, date in headings[1:])


def test_the_licence_is_the_one_the_project_names() -> None:
    assert tomllib.loads(text_of("pyproject.toml"))["project"]["license"] == "MIT"
    assert text_of("LICENSE").startswith("MIT License\n")


def test_pre_commit_calls_programs_of_the_checkouts_own_environment() -> None:
    config = yaml.safe_load(text_of(".pre-commit-config.yaml"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]

    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "mypy", "import-linter"}
    for hook in hooks:
        program = Path(hook["entry"].split()[0])
        assert program.parent == Path(".venv/bin")
        assert (Path(sys.executable).parent / program.name).exists()


@pytest.mark.parametrize("name", ["PRODUCTION_CHECKLIST.md", "SECURITY.md", "tools/MIGRATE_DB.md"])
def test_a_document_names_files_and_variables_that_exist(name: str) -> None:
    known = VARIABLES | COMPOSE_ONLY | {f"{variable}_FILE" for variable in VARIABLES}
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text_of(name), flags=re.DOTALL))

    named = {word for word in quoted if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", word)}
    assert named <= known | OTHER_NAMES, named - known - OTHER_NAMES
    for path in (word for word in quoted if re.fullmatch(r"(app|docs|docker|migrations|tests|tools)/[\w./-]+", word)):
        assert (ROOT / path).exists(), path


OTHER_NAMES = {"BYPASSRLS", "SUPERUSER_DATABASE_URL"}
"""Names in those documents that are PostgreSQL's, or of a command's own."""


def test_every_item_of_the_checklist_has_a_command_that_verifies_it() -> None:
    items = re.split(r"^- \[ \] ", text_of("PRODUCTION_CHECKLIST.md"), flags=re.MULTILINE)[1:]

    assert len(items) >= 15
    for item in items:
        assert "```" in item or re.search(r"\bverify: `", item), item
