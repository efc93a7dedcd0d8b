"""The serialiser under DiskCache: JSON in the row, no pickles, no files."""

from __future__ import annotations

from typing import Any

from diskcache import JSONDisk, core

IN_THE_ROW = 2**31 - 1
"""Bytes below which DiskCache keeps a value in its row: all of them."""


class PlantedRow(ValueError):
    """A row that this class does not write: pickled, or pointing at a file."""


class RowDisk(JSONDisk):  # type: ignore[misc]  # diskcache ships no types
    """JSONDisk writes JSON, yet unpickles any row that says it is a pickle (CVE-2025-69872), and a row that names a
    file makes it open, and later remove, that path. Who can write to the database must not get more than wrong entries.
    """

    def get(self, key: Any, raw: bool) -> Any:  # noqa: FBT001 - DiskCache passes it by position
        if not raw:
            raise PlantedRow("the key is pickled")
        return super().get(key, raw)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:  # noqa: FBT001 - as above
        if mode != core.MODE_RAW or filename is not None:
            raise PlantedRow("the value is pickled or in a file")
        return super().fetch(mode, filename, value, read)

    def remove(self, file_path: str) -> None:
        """Called for rows that name a file. We write none, so the path is somebody else's."""
