from __future__ import annotations

from dataclasses import dataclass

from app.application.ordering.views import OrderView
from app.shared.ids import OrderId, UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrder(Query[OrderView]):
    """One order; with `own_of`, only that buyer's own."""

    order_id: OrderId
    own_of: UserId | None = None
