"""The import contracts of pyproject.toml hold, and they speak of every context there is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

from app.shared.settings import ROOT

CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS: Mapping[str, dict[str, Any]] = {contract["id"]: contract for contract in CONFIGURATION["contracts"]}
CONTEXTS = sorted(folder.name for folder in (ROOT / "app" / "domain").iterdir() if (folder / "__init__.py").exists())


def test_every_contract_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    configure()
    kept = lint_imports("pyproject.toml", cache_dir=None, is_debug_mode=True, no_logo=True)
    assert kept, capsys.readouterr().out


def test_contracts_have_names_of_their_own() -> None:
    assert len(CONTRACTS) == len({contract["name"] for contract in CONTRACTS.values()}) >= 25


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_is_fenced_on_every_layer(context: str) -> None:
    assert f"app.domain.{context}" in CONTRACTS["domain-contexts"]["modules"]
    assert f"app.presentation.{context}" in CONTRACTS["presentation-contexts"]["modules"]
    assert f"app.application.{context}" in CONTRACTS["application-shared"]["forbidden_modules"]
    assert f"app.infrastructure.{context}" in CONTRACTS["database-contexts"]["forbidden_modules"]
    assert any(context in layer for layer in CONTRACTS["application-order"]["layers"])
    core = [f"app.application.{context}", f"app.domain.{context}"]
    assert CONTRACTS[f"core-{context}"]["protected_modules"] == core
    assert CONTRACTS[f"adapters-{context}"]["protected_modules"] == [f"app.infrastructure.{context}"]


def test_every_shared_module_of_application_is_fenced() -> None:
    shared = {f"app.application.{file.stem}" for file in (ROOT / "app" / "application").glob("[!_]*.py")}
    assert shared == set(CONTRACTS["application-shared"]["source_modules"])


def test_every_router_is_fenced() -> None:
    files = (ROOT / "app" / "presentation").glob("*/*router.py")
    routers = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files}
    named = set(CONTRACTS["routers-last"]["protected_modules"])
    assert {name for name in routers if not name.endswith(".router")} == named - {"app.presentation.*.router"}


def test_no_contract_may_exempt_a_framework_from_the_core() -> None:
    for name in ("layers", "pure-core", "core-imports", "domain-imports", "kernel-imports", "domain-contexts"):
        assert "ignore_imports" not in CONTRACTS[name]
