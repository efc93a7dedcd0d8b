"""One way to write JSON: dataclasses as they are, times as RFC 3339 with `Z`, ids as text."""

from __future__ import annotations

from uuid import UUID

import orjson


def json_bytes(value: object) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: object) -> str:
    """asyncpg gives a subclass of UUID, which orjson does not take for one."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
