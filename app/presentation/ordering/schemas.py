from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.application.ordering.quote import Wanted
from app.domain.ordering.order import Customer
from app.presentation.fields import Body, Count, Email, Name
from app.shared.ids import ProductId


class CustomerIn(Body):
    email: Email
    name: Name

    def customer(self) -> Customer:
        return Customer(self.email, self.name)


class ItemIn(Body):
    product_id: UUID
    quantity: Count

    def wanted(self) -> Wanted:
        return Wanted(ProductId(self.product_id), self.quantity)


class OrderIn(Body):
    customer: CustomerIn
    items: Annotated[list[ItemIn], Field(min_length=1, max_length=100)]


class CancelIn(Body):
    reason: Name | None = None


ORDER_IN = {
    "customer": {"email": "ada@example.com", "name": "Ada Lovelace"},
    "items": [{"product_id": "01936f5e-7c1a-7b52-9d0e-3f6a1b2c4d5e", "quantity": 2}],
}
ORDER = {
    "id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a34",
    "number": "HT-6D1F0-E9B7A",
    "status": "pending",
    "customer": {"email": "ada@example.com", "name": "Ada Lovelace"},
    "items": [
        {
            "product_id": "01936f5e-7c1a-7b52-9d0e-3f6a1b2c4d5e",
            "name": "Friday, standing",
            "quantity": 2,
            "unit_price": {"amount": 4500, "currency": "EUR"},
            "total": {"amount": 9000, "currency": "EUR"},
        }
    ],
    "total": {"amount": 9000, "currency": "EUR"},
    "placed_at": "2026-11-21T10:00:00Z",
    "expires_at": "2026-11-21T10:15:00Z",
    "confirmed_at": None,
    "cancelled_at": None,
    "cancel_reason": None,
    "version": 1,
}
HISTORY = [
    {
        "version": 1,
        "type": "order.placed",
        "occurred_at": "2026-11-21T10:00:00Z",
        "actor": {"id": "01936f5e-0000-7000-8000-000000000001", "kind": "user"},
        "data": {"order_id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a34", "number": "HT-6D1F0-E9B7A"},
    }
]
