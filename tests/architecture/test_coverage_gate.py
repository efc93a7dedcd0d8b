"""The coverage gate counts branches, and no line can leave it by a comment."""

from __future__ import annotations

import re
import tomllib

import pytest

from app.shared.settings import ROOT
from tests.architecture.sources import sources

COVERAGE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]


def excluded(line: str) -> bool:
    return any(re.search(pattern, line) for pattern in COVERAGE["report"]["exclude_lines"])


def test_the_gate_counts_branches_in_every_process() -> None:
    run = COVERAGE["run"]
    assert (run["branch"], run["source"], run["patch"], COVERAGE["report"]["fail_under"]) == (
        True,
        ["app"],
        ["subprocess"],
        97,
    )


@pytest.mark.parametrize(
    "line",
    [
        "if TYPE_CHECKING:",
        "    async def get(self, order_id: OrderId) -> Order: ...",
        "        ...",
        "    ) -> None: ...",
    ],
)
def test_what_never_runs_is_left_out(line: str) -> None:
    assert excluded(line)


@pytest.mark.parametrize(
    "line",
    [
        "    return total  # pragma: no cover",
        "    raise NotImplementedError",
        'if __name__ == "__main__":',
        "    def __repr__(self) -> str:",
        "    values = [...]",
        "    def get(self) -> Order:",
    ],
)
def test_everything_else_counts(line: str) -> None:
    assert not excluded(line)


def test_no_comment_opts_out_of_a_branch() -> None:
    assert [source.path for source in sources("app", "tools") if "pragma" in source.text.lower()] == []
