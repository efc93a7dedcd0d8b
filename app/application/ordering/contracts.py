"""What other contexts may use of ordering."""

from __future__ import annotations

from typing import Protocol

from app.application.ordering.views import OrderItemView as OrderItemView  # noqa: PLC0414 — re-exported vocabulary
from app.application.ordering.views import OrderView as OrderView  # noqa: PLC0414 — re-exported vocabulary
from app.shared.ids import OrderId


class OrderLookup(Protocol):
    """Orders of the current tenant, inside the caller's own transaction. Nothing is locked."""

    async def find(self, order_id: OrderId) -> OrderView | None: ...
