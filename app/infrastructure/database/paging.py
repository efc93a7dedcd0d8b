"""Keyset pages in SQL: one row more than asked tells whether there is a next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.application.paging import Page, PageRequest
from app.infrastructure.database.connection import Record

T = TypeVar("T")


def walk(page: PageRequest, column: str, first: int) -> str:
    """The end of a statement; parameter `first` is the last id seen or null, the one after it the limit plus one."""
    sign, order = ("<", "DESC") if page.newest_first else (">", "ASC")
    seen = f"(${first}::uuid IS NULL OR {column} {sign} ${first})"
    if page.after is not None:  # a plain comparison is what the index can use
        seen = f"{column} {sign} ${first}::uuid"
    return f" AND {seen} ORDER BY {column} {order} LIMIT ${first + 1}"


def page_of(rows: Sequence[Record], page: PageRequest, view: Callable[[Record], T], key: str = "id") -> Page[T]:
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return Page(tuple(view(row) for row in shown), shown[-1][key] if more else None)
