from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant


class StockPoolRow(SQLModel, table=True):
    """The counter row that cannot oversell, whatever the code does."""

    __tablename__ = "stock_pools"
    __table_args__ = (
        CheckConstraint("held >= 0 AND sold >= 0 AND held + sold <= capacity", name="never_oversold"),
        CheckConstraint("capacity >= 0", name="capacity_not_negative"),
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_stock_pools_tenant_id"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    capacity: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    held: int = Field(sa_column=Column(BigInteger, nullable=False))
    sold: int = Field(sa_column=Column(BigInteger, nullable=False))
    taken: int = Field(sa_column=Column(BigInteger, nullable=False))


class ProductRow(SQLModel, table=True):
    """`search` is name and sku, case folded, for `q`."""

    __tablename__ = "products"
    __table_args__ = (
        UniqueConstraint("tenant_id", "sku", name="uq_products_tenant_id_sku"),
        ForeignKeyConstraint(
            ["tenant_id", "pool_id"], ["stock_pools.tenant_id", "stock_pools.id"], name="fk_products_tenant_id_pool_id"
        ),
        ForeignKeyConstraint(
            ["tenant_id", "image_file_id"], ["files.tenant_id", "files.id"], name="fk_products_tenant_id_image_file_id"
        ),
        CheckConstraint("price_amount >= 0", name="price_not_negative"),
        CheckConstraint("status IN ('draft', 'active', 'archived')", name="status_known"),
        CheckConstraint("kind IN ('ticket', 'merchandise')", name="kind_known"),
        CheckConstraint("max_per_order > 0", name="max_per_order_positive"),
        CheckConstraint("sale_ends_at > sale_starts_at", name="sale_window"),
        Index(
            "ix_products_tenant_id_image_file_id",
            "tenant_id",
            "image_file_id",
            postgresql_where="image_file_id IS NOT NULL",
        ),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    pool_id: UUID
    sku: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    search: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    price_amount: int = Field(sa_column=Column(BigInteger, nullable=False))
    price_currency: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    max_per_order: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    sale_starts_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    sale_ends_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=instant())
    updated_at: datetime = Field(sa_column=instant())
    image_file_id: UUID | None = Field(default=None)
