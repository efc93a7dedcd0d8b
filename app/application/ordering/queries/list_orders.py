from __future__ import annotations

from dataclasses import dataclass

from app.application.ordering.views import OrderView
from app.application.paging import Page, PageRequest
from app.domain.ordering.order import OrderStatus
from app.shared.ids import UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrders(Query[Page[OrderView]]):
    """A page of orders; `email` matches the customer's whole address, whatever the case."""

    page: PageRequest
    status: OrderStatus | None = None
    email: str | None = None
    own_of: UserId | None = None
