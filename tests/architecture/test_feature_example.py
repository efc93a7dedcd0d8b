"""docs/FEATURE_EXAMPLE.md works: whoever follows it gets a command that passes every check."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.shared.settings import ROOT
from tests.architecture.feature_example import Block, blocks

DOCUMENT = (ROOT / "docs" / "FEATURE_EXAMPLE.md").read_text(encoding="utf-8")
BLOCKS = tuple(blocks(DOCUMENT))
OPERATION = """
from app.main import app
operation = app.openapi()["paths"]["/api/v1/orders/{order_id}/refund"]["post"]
assert operation["operationId"] == "refund_order", operation
assert operation["x-permission"] == "orders:confirm", operation
"""


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which somebody followed the document."""
    copy = tmp_path_factory.mktemp("followed")
    for name in ("app", "tests", "tools", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copytree(ROOT / "app/presentation/static", copy / "app/presentation/static")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for block in BLOCKS:
        block.apply(copy)
    return copy


def run(folder: Path, *arguments: str) -> None:
    """Not measured: lines of the copy would count as lines of the repository."""
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env=unmeasured, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_lists_the_files_the_document_touches() -> None:
    listed = re.findall(r"^\| `([\w./]+)` \|", DOCUMENT, re.MULTILINE)
    assert listed == [block.path for block in BLOCKS]
    assert len(listed) <= 7  # about six, and a line in the permission policy


def test_the_new_operation_is_in_openapi(followed: Path) -> None:
    run(followed, "-c", OPERATION)


def test_the_example_keeps_every_convention(followed: Path) -> None:
    run(
        followed,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/ordering/test_refund_order.py"),
        *("tests/architecture/test_conventions.py", "tests/architecture/test_imports.py"),
        *("tests/api/test_permission_matrix.py", "-k", "not answers_this_caller"),
    )


def test_a_document_that_has_parted_from_the_code_is_caught(tmp_path: Path) -> None:
    file = tmp_path / "order.py"
    file.write_text("status = 1\nstatus = 1\n", encoding="utf-8")
    for block in (
        Block("order.py", "diff", " status = 2\n+more = 1\n"),
        Block("order.py", "diff", " status = 1\n+more = 1\n"),
        Block("order.py", "python", "status = 3\n"),
    ):
        with pytest.raises(ValueError, match=r"order\.py"):
            block.apply(tmp_path)
