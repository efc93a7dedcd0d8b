from __future__ import annotations

from tests.architecture.error_table import FILE, table


def test_the_documented_codes_are_those_of_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == table(), "run python -m tests.architecture.error_table"
