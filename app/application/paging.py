"""Keyset pages: each row present throughout a walk appears exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """`after` is the id of the last row seen; ids are UUIDv7, so their order is the order of creation."""

    limit: int = 25
    after: UUID | None = None
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_after` None means that there is no further page."""

    items: tuple[T, ...]
    next_after: UUID | None
