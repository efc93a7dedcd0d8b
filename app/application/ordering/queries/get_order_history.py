from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.shared.ids import OrderId, UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorView:
    """`kind` is user, anonymous or system."""

    id: UUID
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEventView:
    version: int
    type: str
    occurred_at: datetime
    actor: ActorView
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrderHistory(Query[tuple[OrderEventView, ...]]):
    """All that happened to an order, oldest first; with `own_of`, only that buyer's own order."""

    order_id: OrderId
    own_of: UserId | None = None
