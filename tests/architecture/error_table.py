"""docs/ERRORS.md, made from the error classes: `python -m tests.architecture.error_table` writes it anew."""

from __future__ import annotations

from app.presentation.problems import _FRAMEWORK, HTTP_STATUS
from app.shared.errors import AppError
from app.shared.settings import ROOT
from tests.architecture.message_rules import ABSTRACT_ERRORS, defined

FILE = ROOT / "docs" / "ERRORS.md"
BEFORE = """\
# Error codes

Every refusal is a problem document (RFC 9457, `application/problem+json`) with the members `type`, `title`, `status`,
`detail`, `instance`, `code` and `request_id`, and `errors` when fields are at fault. Clients switch on `code`; `detail`
is for people and may change. The status follows from the error's kind, in one place:
[`app/presentation/problems.py`](../app/presentation/problems.py).

This file is generated from the classes: `python -m tests.architecture.error_table`. A test compares them.

| code | status | meaning | raised as |
| --- | --- | --- | --- |
"""
AFTER = """
The framework's own refusals get a code as well: {codes},
and `http_error` for any other status. A defect on our side is 500 `internal_error`; what went wrong is in the log,
under the same `request_id`.
"""


def table() -> str:
    errors = [error for error in defined(AppError) if error not in ABSTRACT_ERRORS]
    rows = sorted(_row(error) for error in errors)
    known = {error.code for error in errors}
    codes = ", ".join(f"`{code}` ({status})" for status, (code, _) in sorted(_FRAMEWORK.items()) if code not in known)
    return BEFORE + "\n".join(rows) + "\n" + AFTER.format(codes=codes)


def _row(error: type[AppError]) -> str:
    return f"| `{error.code}` | {HTTP_STATUS[error.kind]} | {meaning(error)} | `{error.__module__}.{error.__name__}` |"


def meaning(error: type[AppError]) -> str:
    """The class's own words."""
    return " ".join(str(error.__doc__).split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(table(), encoding="utf-8")
