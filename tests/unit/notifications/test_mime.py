"""Names in headers: whatever a tenant calls itself, a mail reads as what it is."""

from __future__ import annotations

import pytest

from app.infrastructure.mail.mime import one_line


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Open Air", "Open Air"),
        ("Open\r\nBcc: x@example.com", "Open Bcc: x@example.com"),
        ("Open\u2028Air", "Open Air"),
        ("\u202elapyaP", "lapyaP"),
        ("\u2066Open\u2069 Air", "Open Air"),
        ("מופע קיץ", "מופע קיץ"),
    ],
)
def test_a_name_stays_in_its_line_and_direction(name: str, shown: str) -> None:
    assert one_line(name) == shown
