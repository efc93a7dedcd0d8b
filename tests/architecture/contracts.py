"""Runs the import contracts on the package `app` of the current folder; as a program, on planted violations.

`python -m tests.architecture.contracts` reads a JSON list of `{file: text to add}` and answers with a JSON list of the
contracts each of them breaks. A process of its own, because this one has imported the real `app` already.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from importlinter.application.use_cases import create_report, lint_imports, read_user_options
from importlinter.configuration import configure

CONFIGURATION = "pyproject.toml"


def broken_contracts() -> list[str]:
    """Names of the contracts the package breaks. Raises ValueError for a contract that is not configured correctly."""
    report = create_report(read_user_options(config_filename=CONFIGURATION), cache_dir=None)
    if report.could_not_run:
        raise ValueError(str(report.invalid_contract_options))
    return [contract.name for contract, check in report.get_contracts_and_checks() if not check.kept]


def prepare() -> None:
    """Makes the contract types known, by asking for one cheap contract."""
    configure()
    lint_imports(CONFIGURATION, ("kernel-imports",), cache_dir=None, no_logo=True)


def broken_by(plant: Mapping[str, str]) -> list[str]:
    """With each text added to the end of its file; afterwards everything is as before."""
    before = {name: Path(name).read_text(encoding="utf-8") if Path(name).exists() else None for name in plant}
    for name, text in plant.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"{before[name] or ''}\n{text}\n", encoding="utf-8")
    try:
        return broken_contracts()
    finally:
        for name, original in before.items():
            if original is None:
                Path(name).unlink()
            else:
                Path(name).write_text(original, encoding="utf-8")


def main() -> None:
    answers = sys.stdout
    sys.stdout = sys.stderr  # import-linter draws its progress there
    prepare()
    answers.write(json.dumps([broken_by(plant) for plant in json.load(sys.stdin)]))
    answers.flush()  # it is no longer sys.stdout, which is what Python flushes at exit


if __name__ == "__main__":
    main()
