"""Aggregates and values as production makes them; a test names only what it is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from app.application.catalog.contracts import Offer
from app.domain.catalog.product import Product, ProductDetails, ProductKind, ProductStatus
from app.domain.kernel import Money
from app.domain.ordering.order import Customer, Order, OrderLine
from app.shared.ids import OrderId, PoolId, ProductId, TenantId, UserId
from app.shared.tenant_context import RequestContext
from tests.support.fakes import NOON

ADA = Customer("Ada@example.com", "Ada Lovelace")
TEN_EUROS = Money(1_000, "EUR")
HOLD = timedelta(minutes=15)


def details(**values: Any) -> ProductDetails:
    usual: dict[str, Any] = {
        "sku": f"SKU-{uuid4().hex}",
        "name": "Friday, standing",
        "kind": ProductKind.TICKET,
        "price": TEN_EUROS,
        "status": ProductStatus.ACTIVE,
    }
    return ProductDetails(**(usual | values))


def a_product(**values: Any) -> Product:
    return Product.create(id=ProductId(uuid4()), pool_id=PoolId(uuid4()), details=details(**values), now=NOON)


def an_offer(**values: Any) -> Offer:
    usual: dict[str, Any] = {
        "product_id": ProductId(uuid4()),
        "pool_id": PoolId(uuid4()),
        "name": "Friday, standing",
        "price": TEN_EUROS,
        "active": True,
        "max_per_order": None,
        "sale_starts_at": None,
        "sale_ends_at": None,
    }
    return Offer(**(usual | values))


def a_line(quantity: int = 1, price: Money = TEN_EUROS, product: Product | None = None) -> OrderLine:
    product_id = product.id if product else ProductId(uuid4())
    pool_id = product.pool_id if product else PoolId(uuid4())
    return OrderLine(product_id, pool_id, "Friday, standing", quantity, price)


def an_order(*lines: OrderLine, **values: Any) -> Order:
    """A pending order, placed at NOON and held for fifteen minutes."""
    usual: dict[str, Any] = {
        "id": OrderId(uuid4()),
        "buyer_id": UserId(uuid4()),
        "customer": ADA,
        "lines": lines or (a_line(),),
        "expires_at": NOON + HOLD,
        "now": NOON,
    }
    return Order.place(**(usual | values))


def a_context(tenant_id: UUID | None, **values: Any) -> RequestContext:
    """Somebody on the staff of `tenant_id`, with a request id of their own."""
    usual: dict[str, Any] = {
        "actor_id": UserId(uuid4()),
        "actor_kind": "user",
        "is_staff": True,
        "request_id": f"request-{uuid4().hex}",
        "ip": "192.0.2.7",
        "user_agent": "a test",
    }
    return RequestContext(tenant_id=None if tenant_id is None else TenantId(tenant_id), **(usual | values))
