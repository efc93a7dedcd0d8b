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
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant

_PENDING = "status = 'pending'"
_LANE = ("tenant_id", "endpoint_id")


class WebhookEndpointRow(SQLModel, table=True):
    """`failures`, `failing_since` and `open_until` are the breaker's: they change without a new version."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_webhook_endpoints_tenant_id"),
        CheckConstraint("status IN ('active', 'paused', 'disabled', 'deleted')", name="status_known"),
        CheckConstraint("failures >= 0", name="failures_not_negative"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    url: str = Field(sa_column=Column(Text, nullable=False))
    events: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    disabled_reason: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    previous_secret: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    previous_until: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    failures: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    failing_since: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    open_until: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=instant())
    updated_at: datetime = Field(sa_column=instant())


class WebhookDeliveryRow(SQLModel, table=True):
    """One message for one endpoint; `body` is what is signed, byte for byte."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("tenant_id", "endpoint_id", "message_id", "replay", name="uq_webhook_deliveries_message"),
        ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
            name="fk_webhook_deliveries_endpoint",
        ),
        CheckConstraint("status IN ('pending', 'delivered', 'failed', 'cancelled')", name="status_known"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        Index("ix_webhook_deliveries_due", *_LANE, "next_attempt_at", "id", postgresql_where=_PENDING),
        Index(
            "ix_webhook_deliveries_leased",
            *_LANE,
            "leased_until",
            postgresql_where=f"{_PENDING} AND leased_until IS NOT NULL",
        ),
        Index("ix_webhook_deliveries_order", *_LANE, "stream_id", "sequence", postgresql_where=_PENDING),
        Index("ix_webhook_deliveries_endpoint", *_LANE, "id"),
        Index("ix_webhook_deliveries_old", "created_at", postgresql_where="status <> 'pending'"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    endpoint_id: UUID
    message_id: UUID
    replay: int = Field(sa_column=Column(Integer, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    stream_id: UUID
    sequence: int = Field(sa_column=Column(Integer, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    request_id: str = Field(sa_column=Column(Text, nullable=False))
    traceparent: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    status: str = Field(sa_column=Column(Text, nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    next_attempt_at: datetime = Field(sa_column=instant())
    leased_until: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    created_at: datetime = Field(sa_column=instant())
    delivered_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))


class WebhookAttemptRow(SQLModel, table=True):
    """The delivery log."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "delivery_id"],
            ["webhook_deliveries.tenant_id", "webhook_deliveries.id"],
            name="fk_webhook_attempts_delivery",
            ondelete="CASCADE",
        ),
        CheckConstraint("octet_length(response_body) <= 10240", name="body_capped"),
        Index("ix_webhook_attempts_delivery", "tenant_id", "delivery_id", "id"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    delivery_id: UUID
    started_at: datetime = Field(sa_column=instant())
    duration_ms: int = Field(sa_column=Column(Integer, nullable=False))
    status_code: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    error: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    response_headers: list[list[str]] = Field(sa_column=Column(JSONB, nullable=False))
    response_body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
