from __future__ import annotations

from dataclasses import dataclass

from app.application.messaging.views import DeadLetterView
from app.application.paging import Page, PageRequest
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeadLetters(Query[Page[DeadLetterView]]):
    """Messages that could not be dealt with, of one subscriber or all."""

    page: PageRequest
    subscriber: str | None = None
