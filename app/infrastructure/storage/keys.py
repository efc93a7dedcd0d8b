"""What a storage key may look like, the same for every storage."""

from __future__ import annotations

import re

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_LONGEST = 512


def checked(key: str) -> str:
    """Raises ValueError: keys are made by us, so a bad one is a defect. No segment is empty, `.` or `..`."""
    if len(key) > _LONGEST or not _KEY.fullmatch(key):
        raise ValueError("a storage key must be plain segments of letters, digits, '.', '_' and '-'")
    return key
