from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant


class TenantRow(SQLModel, table=True):
    __tablename__ = "tenants"
    __table_args__ = (
        UniqueConstraint("slug", name="uq_tenants_slug"),
        CheckConstraint("status IN ('active', 'suspended')", name="status_known"),
    )

    id: UUID = Field(primary_key=True)
    slug: str = Field(sa_column=Column(Text, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=instant())


class MembershipRow(SQLModel, table=True):
    __tablename__ = "memberships"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_memberships_tenant_id"),
        ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id"),
        CheckConstraint("role IN ('owner', 'admin', 'member', 'customer')", name="role_known"),
        Index("ix_memberships_user_id", "user_id"),
    )

    tenant_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(primary_key=True)
    id: UUID
    role: str = Field(sa_column=Column(Text, nullable=False))
    is_active: bool
    display_name: str = Field(sa_column=Column(Text, nullable=False))
    accepted_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    last_signed_in_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=instant())
    updated_at: datetime = Field(sa_column=instant())
