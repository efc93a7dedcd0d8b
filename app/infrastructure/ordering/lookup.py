"""Implements ordering's `OrderLookup` for other contexts, in their transaction."""

from __future__ import annotations

from app.application.ordering.views import OrderView
from app.infrastructure.database.scope import Scope
from app.infrastructure.ordering.queries import ONE, order_view
from app.shared.ids import OrderId


class SqlOrderLookup:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def find(self, order_id: OrderId) -> OrderView | None:
        row = await self._scope.connection.fetchrow(ONE, self._scope.tenant_id, order_id)
        return None if row is None else order_view(row)
