"""CODING_STANDARDS, COMMON_PITFALLS and the decision records name checks, files and contracts that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.shared.settings import ROOT
from tests.architecture.test_imports import CONTRACTS

DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
DOCUMENTS = [ROOT / "docs/CODING_STANDARDS.md", ROOT / "docs/COMMON_PITFALLS.md", *DECISIONS]
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives", "Held by"]
RULES = {
    name
    for file in (ROOT / "tests/architecture").glob("*.py")
    for name in re.findall(r"^(?:async )?def (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.stem)


def quoted(document: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", document.read_text(encoding="utf-8"))


@every_document
def test_every_file_that_is_named_exists(document: Path) -> None:
    named = [word for word in quoted(document) if re.fullmatch(r"(app|docs|tests|tools|migrations)/[\w./-]+", word)]
    named += re.findall(r"docs/decisions/\d{4}", document.read_text(encoding="utf-8"))
    assert [name for name in named if not list(ROOT.glob(f"{name.rstrip('/')}*"))] == []


@every_document
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_standards_name_every_contract_and_only_rules_that_exist() -> None:
    text = (ROOT / "docs/CODING_STANDARDS.md").read_text(encoding="utf-8")
    families = {f"{family}-<context>" for family in ("core", "adapters")}
    contracts = {name for name in CONTRACTS if not name.startswith(("core-", "adapters-"))}
    words = set(quoted(ROOT / "docs/CODING_STANDARDS.md"))
    assert (contracts | families | {"core-imports"}) - words == set()
    snake = {
        word for row in re.findall(r"\| ([^|]+) \|$", text, re.MULTILINE) for word in re.findall(r"`(\w+_\w+)`", row)
    }
    assert snake - RULES == set()
    assert len(snake) >= 15


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda file: file.stem)
def test_a_decision_is_one_page_and_names_what_holds_it(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert text.startswith(f"# {decision.name[:4]}: ")
    assert len(text.splitlines()) <= 60
    assert f"({decision.name})" in (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")


def test_contracts_and_tests_a_decision_counts_on_exist() -> None:
    tests = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
    }
    words = [word for decision in DECISIONS for word in quoted(decision)]
    assert {word for word in words if word.startswith("test_")} - tests == set()
    held = [decision.read_text(encoding="utf-8").partition("## Held by")[2] for decision in DECISIONS]
    contracts = {word for text in held for word in re.findall(r"`([a-z]+(?:-[a-z]+)*)`", text)}
    assert contracts - set(CONTRACTS) == set()
    assert len(contracts) >= 4
