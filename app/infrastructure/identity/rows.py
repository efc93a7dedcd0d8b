from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant


class UserRow(SQLModel, table=True):
    """Accounts are global: one address, one account. `email_key` is the address, case folded."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email_key", name="uq_users_email_key"),)

    id: UUID = Field(primary_key=True)
    email: str = Field(sa_column=Column(Text, nullable=False))
    email_key: str = Field(sa_column=Column(Text, nullable=False))
    full_name: str = Field(sa_column=Column(Text, nullable=False))
    is_active: bool
    is_superuser: bool
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=instant())
    updated_at: datetime = Field(sa_column=instant())


class CredentialRow(SQLModel, table=True):
    """Password hashes stand apart: the application's role may write them and never read them."""

    __tablename__ = "credentials"
    __table_args__ = (ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_credentials_user_id"),)

    user_id: UUID = Field(primary_key=True)
    password_hash: str = Field(sa_column=Column(Text, nullable=False))
    changed_at: datetime = Field(sa_column=instant())


class SessionRow(SQLModel, table=True):
    """One device, signed in to one tenant. Refresh tokens are kept as digests only."""

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_sessions_tenant_id"),
        ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
        Index("ix_sessions_tenant_id_user_id", "tenant_id", "user_id"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    user_id: UUID
    refresh_digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    previous_digest: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    rotated_at: datetime = Field(sa_column=instant())
    device_name: str = Field(sa_column=Column(Text, nullable=False))
    ip: str = Field(sa_column=Column(Text, nullable=False))
    user_agent: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=instant())
    expires_at: datetime = Field(sa_column=instant())
    revoked_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    version: int = Field(sa_column=Column(Integer, nullable=False))


class TokenRevocationRow(SQLModel, table=True):
    """Access tokens that end before their time; every process polls these. Kept until the last of them has expired."""

    __tablename__ = "token_revocations"
    __table_args__ = (
        CheckConstraint("kind IN ('session', 'member', 'account')", name="kind_known"),
        Index("ix_token_revocations_revoked_at", "revoked_at"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_column=Column(Text, nullable=False))
    subject_id: UUID
    revoked_at: datetime = Field(sa_column=instant())
