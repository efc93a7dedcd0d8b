from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from app.domain.kernel import Money
from app.domain.ordering.order import Customer, Order, OrderLine, OrderNotFound, OrderStatus
from app.infrastructure.database.connection import Record
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.database.writer import BulkInsert, BulkUpdate, Writes
from app.infrastructure.ordering.rows import OrderLineRow, OrderRow
from app.shared.ids import OrderId, PoolId, ProductId, TenantId, UserId

_INSERT = BulkInsert(
    OrderRow,
    *("tenant_id", "id", "number", "buyer_id", "customer_email", "customer_email_key", "customer_name"),
    *("total_amount", "currency", "status", "placed_at", "expires_at", "version"),
)
_INSERT_LINES = BulkInsert(
    OrderLineRow, "tenant_id", "order_id", "line", "product_id", "pool_id", "name", "quantity", "unit_amount"
)
_UPDATE = BulkUpdate(OrderRow, "status", "confirmed_at", "cancelled_at", "cancel_reason", "version")
_LOCK = "SELECT * FROM orders WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE"
LINES = "SELECT * FROM order_lines WHERE tenant_id = $1 AND order_id = ANY($2::uuid[]) ORDER BY order_id, line"


class OrderMapper:
    stream = "order"

    def key(self, order: Order) -> UUID:
        return order.id

    async def insert(self, writes: Writes, tenant_id: TenantId, orders: Sequence[Order]) -> None:
        writes.add(_INSERT, [_row(tenant_id, order) for order in orders])
        lines = [
            (
                *(tenant_id, order.id, number, line.product_id),
                *(line.pool_id, line.name, line.quantity, line.unit_price.amount),
            )
            for order in orders
            for number, line in enumerate(order.lines, 1)
        ]
        writes.add(_INSERT_LINES, lines)

    async def update(self, writes: Writes, tenant_id: TenantId, orders: Sequence[Order]) -> None:
        rows = [
            (tenant_id, o.id, o.stored_version, o.status, o.confirmed_at, o.cancelled_at, o.cancel_reason, o.version)
            for o in orders
        ]
        writes.add(_UPDATE, rows)


def _row(tenant_id: TenantId, order: Order) -> tuple[object, ...]:
    customer = order.customer
    return (
        *(tenant_id, order.id, order.number, order.buyer_id),
        *(customer.email, customer.email.casefold(), customer.name, order.total.amount, order.total.currency),
        *(order.status, order.placed_at, order.expires_at, order.version),
    )


_MAPPER = OrderMapper()


class _LoadedOrders:
    """Identity map of one transaction: two commands of a batch that name one order see the same one."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self.found: dict[OrderId, Order] = {}

    async def load(self, order_ids: Collection[OrderId]) -> None:
        missing = [order_id for order_id in order_ids if order_id not in self.found]
        if not missing:
            return
        connection, tenant_id = self._work.connection, self._work.tenant_id
        rows = await connection.fetch(_LOCK, tenant_id, missing)
        lines = await connection.fetch(LINES, tenant_id, missing)
        for row in rows:
            self.found[OrderId(row["id"])] = order_of(row, [line for line in lines if line["order_id"] == row["id"]])


class SqlOrderRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._loaded = scope.work.part(_LoadedOrders, _LoadedOrders)

    def add(self, order: Order) -> None:
        self._scope.track(order, _MAPPER, new=True)

    async def get(self, order_id: OrderId) -> Order:
        await self._loaded.load([order_id])
        order = self._loaded.found.get(order_id)
        if order is None:
            raise OrderNotFound("There is no such order.")
        self._scope.track(order, _MAPPER)
        return order


async def lock_orders(work: UnitOfWork, order_ids: Collection[OrderId]) -> list[Order]:
    """Locks, in id order, and reads those that exist, for all commands of a batch at once."""
    loaded = work.part(_LoadedOrders, _LoadedOrders)
    await loaded.load(order_ids)
    return [loaded.found[order_id] for order_id in order_ids if order_id in loaded.found]


def order_of(row: Record, lines: Sequence[Record]) -> Order:
    currency = row["currency"]
    return Order(
        id=OrderId(row["id"]),
        number=row["number"],
        buyer_id=UserId(row["buyer_id"]),
        customer=Customer(row["customer_email"], row["customer_name"]),
        lines=tuple(
            OrderLine(
                ProductId(line["product_id"]),
                PoolId(line["pool_id"]),
                line["name"],
                line["quantity"],
                Money(line["unit_amount"], currency),
            )
            for line in lines
        ),
        total=Money(row["total_amount"], currency),
        status=OrderStatus(row["status"]),
        placed_at=row["placed_at"],
        expires_at=row["expires_at"],
        confirmed_at=row["confirmed_at"],
        cancelled_at=row["cancelled_at"],
        cancel_reason=row["cancel_reason"],
        version=row["version"],
    )
