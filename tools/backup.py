#!/usr/bin/env python3
"""Backup and restore from the command line, from any folder and with any Python. Documented in BACKUP.md."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    if find_spec("typer") is None:
        _start_over()
    sys.path[0] = str(ROOT)
    from tools.backups.verbs import run

    return run(sys.argv[1:])


def _start_over() -> NoReturn:
    """`python` was the system's: the checkout has one of its own, with the requirements."""
    own = ROOT / ".venv" / "bin" / "python"
    if not own.exists() or Path(sys.prefix) == ROOT / ".venv":
        sys.exit("error: the requirements are missing; run ./start.sh, or pip install -r requirements.txt")
    os.execv(own, [str(own), *sys.argv])  # noqa: S606 - our own interpreter, no shell


if __name__ == "__main__":
    sys.exit(main())
