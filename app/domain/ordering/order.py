"""Order: what a buyer asked for, how long it is held, and how it ended. Event-sourced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import singledispatchmethod
from typing import ClassVar

from app.domain.kernel import AggregateRoot, DomainEvent, Money, RuleBroken
from app.shared.errors import AppError, Kind
from app.shared.ids import OrderId, PoolId, ProductId, UserId


class OrderStatus(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDED = "refunded"


class OrderNotFound(AppError):
    """There is no such order in the tenant, or it is somebody else's."""

    code = "order_not_found"
    kind = Kind.NOT_FOUND


class OrderState(RuleBroken):
    """The order is not in a state in which this can be done."""

    code = "order_state"


class MixedCurrency(AppError):
    """One order was asked to hold prices in several currencies."""

    code = "mixed_currency"
    kind = Kind.INVALID


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom the order is for; the address is stored as it was written."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    product_id: ProductId
    pool_id: PoolId
    name: str
    quantity: int
    unit_price: Money

    @property
    def total(self) -> Money:
        return self.unit_price.times(self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(DomainEvent):
    type: ClassVar[str] = "order.placed"
    order_id: OrderId
    number: str
    buyer_id: UserId
    customer: Customer
    lines: tuple[OrderLine, ...]
    total: Money
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed(DomainEvent):
    type: ClassVar[str] = "order.confirmed"
    order_id: OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(DomainEvent):
    type: ClassVar[str] = "order.cancelled"
    order_id: OrderId
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired(DomainEvent):
    type: ClassVar[str] = "order.expired"
    order_id: OrderId


def total_of(lines: tuple[OrderLine, ...]) -> Money:
    """Raises MixedCurrency, and AmountOutOfRange when the sum can't be booked."""
    first, *rest = lines
    if any(line.unit_price.currency != first.unit_price.currency for line in rest):
        raise MixedCurrency("One order has one currency; order the others separately.")
    total = first.total
    for line in rest:
        total = total + line.total
    return total


@dataclass(slots=True, eq=False, kw_only=True)
class Order(AggregateRoot):
    id: OrderId
    number: str
    buyer_id: UserId
    customer: Customer
    lines: tuple[OrderLine, ...]
    total: Money
    status: OrderStatus
    placed_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None

    @classmethod
    def place(
        cls,
        *,
        id: OrderId,
        buyer_id: UserId,
        customer: Customer,
        lines: tuple[OrderLine, ...],
        expires_at: datetime,
        now: datetime,
    ) -> Order:
        placed = OrderPlaced(
            order_id=id,
            number=order_number(id),
            buyer_id=buyer_id,
            customer=customer,
            lines=lines,
            total=total_of(lines),
            expires_at=expires_at,
            occurred_at=now,
        )
        order = cls._from(placed)
        order._record(placed)
        return order

    @classmethod
    def rebuild(cls, history: Iterable[DomainEvent]) -> Order:
        """The order as its events tell it, oldest first. Raises ValueError when they don't begin with a placement."""
        events = iter(history)
        first = next(events, None)
        if not isinstance(first, OrderPlaced):
            raise ValueError("an order's history begins with its placement")  # noqa: TRY004 — the history is wrong, not its type
        order = cls._from(first)
        order.version = 1
        for event in events:
            order._apply(event)
            order.version += 1
        return order

    @classmethod
    def _from(cls, placed: OrderPlaced) -> Order:
        return cls(
            id=placed.order_id,
            number=placed.number,
            buyer_id=placed.buyer_id,
            customer=placed.customer,
            lines=placed.lines,
            total=placed.total,
            status=OrderStatus.PENDING,
            placed_at=placed.occurred_at,
            expires_at=placed.expires_at,
        )

    def confirm(self, *, now: datetime) -> None:
        """The hold becomes a sale. Until the expiry has happened, a late confirmation still wins."""
        self._require(OrderStatus.PENDING)
        self._happened(OrderConfirmed(order_id=self.id, occurred_at=now))

    def cancel(self, *, reason: str | None, now: datetime) -> None:
        self._require(OrderStatus.PENDING, OrderStatus.CONFIRMED)
        self._happened(OrderCancelled(order_id=self.id, reason=reason, occurred_at=now))

    def expire(self, *, now: datetime) -> None:
        self._require(OrderStatus.PENDING)
        if now < self.expires_at:
            raise OrderState("The order's hold has not run out yet.", order_status=self.status)
        self._happened(OrderExpired(order_id=self.id, occurred_at=now))

    def _require(self, *statuses: OrderStatus) -> None:
        if self.status not in statuses:
            raise OrderState(f"The order is {self.status}; this can no longer be done.", order_status=self.status)

    def _happened(self, event: DomainEvent) -> None:
        self._apply(event)
        self._record(event)

    @singledispatchmethod
    def _apply(self, event: DomainEvent) -> None:
        raise TypeError(f"an order does not know {type(event).__name__}")

    @_apply.register
    def _(self, event: OrderConfirmed) -> None:
        self.status, self.confirmed_at = OrderStatus.CONFIRMED, event.occurred_at

    @_apply.register
    def _(self, event: OrderCancelled) -> None:
        self.status, self.cancelled_at = OrderStatus.CANCELLED, event.occurred_at
        self.cancel_reason = event.reason

    @_apply.register
    def _(self, event: OrderExpired) -> None:  # noqa: ARG002 — the event says all by being there
        self.status = OrderStatus.EXPIRED


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 50


def order_number(order_id: OrderId) -> str:
    """What people read to each other: ten Crockford base32 digits of the id's random part.

    At a million orders a tenant two of them collide with a chance below 1 in 2,000; the database then refuses the
    second and it is placed anew under another id.
    """
    bits = order_id.int & ((1 << _RANDOM_BITS) - 1)
    digits = "".join(_CROCKFORD[(bits >> shift) & 31] for shift in range(_RANDOM_BITS - 5, -1, -5))
    return f"HT-{digits[:5]}-{digits[5:]}"
