from __future__ import annotations

from dataclasses import dataclass

from app.application.paging import Page, PageRequest
from app.application.tenancy.contracts import UserView
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsers(Query[Page[UserView]]):
    """A page of the tenant's people; `search` is found anywhere in address or name, whatever the case."""

    page: PageRequest
    search: str | None = None
