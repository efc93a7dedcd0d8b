"""Ordering's read side: plain SQL past the domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from app.application.ordering.queries.get_order import GetOrder
from app.application.ordering.queries.get_order_history import ActorView, GetOrderHistory, OrderEventView
from app.application.ordering.queries.list_orders import ListOrders
from app.application.ordering.views import OrderView, view_of
from app.application.paging import Page
from app.domain.ordering.order import OrderNotFound
from app.infrastructure.database.connection import Record
from app.infrastructure.database.paging import page_of, walk
from app.infrastructure.database.reader import Reader
from app.infrastructure.ordering.repository import order_of

_SELECT = """
    SELECT o.*, (
        SELECT jsonb_agg(to_jsonb(l) ORDER BY l.line) FROM order_lines l
        WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id
    ) AS lines
    FROM orders o WHERE o.tenant_id = $1
"""
ONE = _SELECT + " AND o.id = $2"
_OWN = " AND ($2::uuid IS NULL OR o.buyer_id = $2)"
_HISTORY = """
    SELECT e.version, e.type, e.occurred_at, e.data, e.metadata FROM events e
    JOIN orders o ON o.tenant_id = e.tenant_id AND o.id = e.stream_id
    WHERE e.tenant_id = $1 AND ($2::uuid IS NULL OR o.buyer_id = $2) AND e.stream_id = $3
    ORDER BY e.version
"""


@dataclass(slots=True)
class GetOrderHandler:
    reader: Reader

    async def handle(self, query: GetOrder) -> OrderView:
        sql = _SELECT + _OWN + " AND o.id = $3"
        row = await self.reader.row(sql, self.reader.tenant_id, query.own_of, query.order_id)
        if row is None:
            raise OrderNotFound("There is no such order.")
        return order_view(row)


@dataclass(slots=True)
class ListOrdersHandler:
    reader: Reader

    async def handle(self, query: ListOrders) -> Page[OrderView]:
        sql = _SELECT + _filters(query)
        email = query.email.casefold() if query.email else None
        rows = await self.reader.rows(
            sql + walk(query.page, "o.id", 5),
            *(self.reader.tenant_id, query.own_of, query.status, email, query.page.after, query.page.limit + 1),
        )
        return page_of(rows, query.page, order_view)


def _filters(query: ListOrders) -> str:
    """Only the filters that are set stand as plain equalities, which is what the indexes can use."""
    own = " AND o.buyer_id = $2" if query.own_of else " AND $2::uuid IS NULL"
    status = " AND o.status = $3" if query.status else " AND $3::text IS NULL"
    email = " AND o.customer_email_key = $4" if query.email else " AND $4::text IS NULL"
    return own + status + email


@dataclass(slots=True)
class GetOrderHistoryHandler:
    reader: Reader

    async def handle(self, query: GetOrderHistory) -> tuple[OrderEventView, ...]:
        rows = await self.reader.rows(_HISTORY, self.reader.tenant_id, query.own_of, query.order_id)
        if not rows:
            raise OrderNotFound("There is no such order.")
        return tuple(_event(row) for row in rows)


def order_view(row: Record) -> OrderView:
    lines: Sequence[Record] = orjson.loads(row["lines"])
    return view_of(order_of(row, lines))


def _event(row: Record) -> OrderEventView:
    metadata = orjson.loads(row["metadata"])
    return OrderEventView(
        version=row["version"],
        type=row["type"],
        occurred_at=row["occurred_at"],
        actor=ActorView(id=metadata["actor_id"], kind=metadata["actor_kind"]),
        data=orjson.loads(row["data"]),
    )
