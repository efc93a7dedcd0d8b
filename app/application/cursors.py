"""Signed list positions and request fingerprints."""

from __future__ import annotations

from typing import Protocol

from app.shared.errors import AppError, Kind


class InvalidCursor(AppError):
    """A cursor that was changed, or that belongs to another tenant, list or filter."""

    code = "invalid_cursor"
    kind = Kind.INVALID


class CursorSigner(Protocol):
    """Positions clients can carry but not forge. `binding` is tenant + list name + filters."""

    def seal(self, position: tuple[str, ...], *, binding: str) -> str:
        """An opaque, URL-safe string. Raises ValueError for a position that would outgrow the length cap."""
        ...

    def open(self, cursor: str, *, binding: str) -> tuple[str, ...]:
        """The sealed position. Raises InvalidCursor when either differs by a single byte."""
        ...


class Fingerprints(Protocol):
    """Keyed digests of what was asked, so that a dump does not let anyone guess short bodies offline."""

    def of(self, *parts: bytes) -> bytes:
        """32 bytes; equal only for equal parts in equal order."""
        ...

    def matches(self, stored: bytes, *parts: bytes) -> bool:
        """Whether `stored` was made of these parts, under this key or one that is being rotated out or in."""
        ...
