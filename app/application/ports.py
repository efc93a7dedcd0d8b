"""Ports used by several contexts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    def now(self) -> datetime:
        """The current instant, in UTC."""
        ...


class IdSource(Protocol):
    def new(self) -> UUID:
        """A fresh UUIDv7 (RFC 9562)."""
        ...
