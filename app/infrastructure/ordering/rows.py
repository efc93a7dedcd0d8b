from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant


class OrderRow(SQLModel, table=True):
    """A projection of the order's events, written by the same commit."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("tenant_id", "number", name="uq_orders_tenant_id_number"),
        CheckConstraint(
            "status IN ('pending', 'confirmed', 'cancelled', 'expired', 'refunded')",
            name="status_known",
        ),
        Index("ix_orders_tenant_id_buyer_id", "tenant_id", "buyer_id", "id"),
        Index("ix_orders_tenant_id_customer_email_key", "tenant_id", "customer_email_key", "id"),
        Index("ix_orders_tenant_id_status", "tenant_id", "status", "id"),
        Index("ix_orders_due", "expires_at", postgresql_where="status = 'pending'"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    number: str = Field(sa_column=Column(Text, nullable=False))
    buyer_id: UUID
    customer_email: str = Field(sa_column=Column(Text, nullable=False))
    customer_email_key: str = Field(sa_column=Column(Text, nullable=False))
    customer_name: str = Field(sa_column=Column(Text, nullable=False))
    total_amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    placed_at: datetime = Field(sa_column=instant())
    expires_at: datetime = Field(sa_column=instant())
    confirmed_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    cancelled_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    cancel_reason: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    version: int = Field(sa_column=Column(Integer, nullable=False))


class OrderLineRow(SQLModel, table=True):
    __tablename__ = "order_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"], name="fk_order_lines_tenant_id_order_id"
        ),
        ForeignKeyConstraint(
            ["tenant_id", "product_id"],
            ["products.tenant_id", "products.id"],
            name="fk_order_lines_tenant_id_product_id",
        ),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("unit_amount >= 0", name="unit_amount_not_negative"),
        Index("ix_order_lines_tenant_id_product_id", "tenant_id", "product_id"),
    )

    tenant_id: UUID = Field(primary_key=True)
    order_id: UUID = Field(primary_key=True)
    line: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    product_id: UUID
    pool_id: UUID
    name: str = Field(sa_column=Column(Text, nullable=False))
    quantity: int = Field(sa_column=Column(Integer, nullable=False))
    unit_amount: int = Field(sa_column=Column(BigInteger, nullable=False))
