from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from app.application.paging import PageRequest
from app.infrastructure.database.paging import page_of, walk

SEEN = UUID(int=7)


@pytest.mark.parametrize(
    ("request_", "tail"),
    [
        (PageRequest(), " AND ($3::uuid IS NULL OR p.id < $3) ORDER BY p.id DESC LIMIT $4"),
        (PageRequest(newest_first=False), " AND ($3::uuid IS NULL OR p.id > $3) ORDER BY p.id ASC LIMIT $4"),
        (PageRequest(after=SEEN), " AND p.id < $3::uuid ORDER BY p.id DESC LIMIT $4"),
        (PageRequest(after=SEEN, newest_first=False), " AND p.id > $3::uuid ORDER BY p.id ASC LIMIT $4"),
    ],
)
def test_a_walk_goes_on_after_the_last_row_seen(request_: PageRequest, tail: str) -> None:
    assert walk(request_, "p.id", 3) == tail


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": UUID(int=n)} for n in range(1, count + 1)]


@pytest.mark.parametrize(("found", "shown", "more"), [(0, 0, None), (2, 2, None), (3, 3, None), (4, 3, UUID(int=3))])
def test_one_row_more_than_asked_tells_of_a_next_page(found: int, shown: int, more: UUID | None) -> None:
    page = page_of(rows(found), PageRequest(limit=3), lambda row: row["id"])

    assert len(page.items) == shown
    assert page.next_after == more
