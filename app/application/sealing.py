"""Keeps secrets that must be read again: a dump of the database holds nothing usable."""

from __future__ import annotations

from typing import Protocol

from app.shared.errors import AppError, Kind


class SealBroken(AppError):
    """Something sealed can't be opened: it was changed, or the key it was sealed under is gone."""

    code = "seal_broken"
    kind = Kind.UNAVAILABLE


class Sealer(Protocol):
    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        """Opens only for the same purpose."""
        ...

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """Raises SealBroken."""
        ...
