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
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant


class FileRow(SQLModel, table=True):
    """What lies in the storage, and whom it belongs to. The key begins with the tenant, which the sweep relies on."""

    __tablename__ = "files"
    __table_args__ = (
        UniqueConstraint("tenant_id", "storage_key", name="uq_files_tenant_id_storage_key"),
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_files_tenant_id"),
        CheckConstraint("owner_kind IN ('product', 'event')", name="owner_kind_known"),
        CheckConstraint("starts_with(storage_key, tenant_id::text || '/')", name="key_is_the_tenants"),
        CheckConstraint("size_bytes > 0", name="size_positive"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_hex"),
        CheckConstraint("width > 0 AND height > 0", name="dimensions_positive"),
        Index("ix_files_tenant_id_owner", "tenant_id", "owner_kind", "owner_id"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    owner_kind: str = Field(sa_column=Column(Text, nullable=False))
    owner_id: UUID
    storage_key: str = Field(sa_column=Column(Text, nullable=False))
    content_type: str = Field(sa_column=Column(Text, nullable=False))
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str = Field(sa_column=Column(Text, nullable=False))
    width: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    height: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    uploaded_by: UUID
    uploaded_at: datetime = Field(sa_column=instant())
    version: int = Field(sa_column=Column(Integer, nullable=False))
