from __future__ import annotations

from dataclasses import dataclass

from app.application.notifications.views import SuppressionView
from app.application.paging import Page, PageRequest
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSuppressions(Query[Page[SuppressionView]]):
    """A page of addresses that get nothing more."""

    page: PageRequest
