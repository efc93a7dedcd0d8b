"""`python -m tools.bench`: the figures of docs/BENCHMARKS.md on this machine, in one run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # also when started as `python tools/bench/__main__.py`

from tools.bench.command import main  # noqa: E402 — the line above makes it importable

if __name__ == "__main__":
    main()
