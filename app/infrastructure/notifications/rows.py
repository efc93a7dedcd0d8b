from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant

_CHANNELS = "channel IN ('mail', 'sms')"


class OutgoingMessageRow(SQLModel, table=True):
    """Also the queue of what is to be sent: `leased_until` keeps other processes from sending it too."""

    __tablename__ = "outgoing_messages"
    __table_args__ = (
        UniqueConstraint(
            *("tenant_id", "event_id", "template", "channel", "recipient_key"), name="uq_outgoing_messages_once"
        ),
        CheckConstraint(_CHANNELS, name="channel_known"),
        CheckConstraint("status IN ('queued', 'sent', 'failed', 'bounced', 'suppressed')", name="status_known"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        Index(
            "ix_outgoing_messages_queued",
            *("channel", "tenant_id", "next_attempt_at"),
            postgresql_where="status = 'queued'",
        ),
        Index("ix_outgoing_messages_tenant_id_status", "tenant_id", "status", "id"),
        Index("ix_outgoing_messages_created_at", "created_at", postgresql_where="status <> 'queued'"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    channel: str = Field(sa_column=Column(Text, nullable=False))
    recipient: str = Field(sa_column=Column(Text, nullable=False))
    recipient_key: str = Field(sa_column=Column(Text, nullable=False))
    template: str = Field(sa_column=Column(Text, nullable=False))
    locale: str = Field(sa_column=Column(Text, nullable=False))
    context: dict[str, object] = Field(sa_column=Column(JSONB, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))
    body_text: str = Field(sa_column=Column(Text, nullable=False))
    body_html: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    sender_name: str = Field(sa_column=Column(Text, nullable=False))
    reply_to: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    event_id: UUID
    request_id: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    copy_: int = Field(sa_column=Column("copy", Integer, nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=instant())
    next_attempt_at: datetime = Field(sa_column=instant())
    leased_until: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    sent_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    provider_id: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    last_error: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    version: int = Field(sa_column=Column(Integer, nullable=False))


class MessageQuotaRow(SQLModel, table=True):
    """How many messages of a tenant were handed over in the hour that began at `hour`."""

    __tablename__ = "message_quotas"
    __table_args__ = (
        CheckConstraint(_CHANNELS, name="channel_known"),
        CheckConstraint("used >= 0", name="used_not_negative"),
    )

    tenant_id: UUID = Field(primary_key=True)
    channel: str = Field(sa_column=Column(Text, primary_key=True))
    hour: datetime = Field(sa_column=instant())
    used: int = Field(sa_column=Column(Integer, nullable=False))


class SuppressionRow(SQLModel, table=True):
    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("tenant_id", "channel", "address_key", name="uq_suppressions_address"),
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_suppressions_tenant_id"),
        CheckConstraint(_CHANNELS, name="channel_known"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    channel: str = Field(sa_column=Column(Text, nullable=False))
    address: str = Field(sa_column=Column(Text, nullable=False))
    address_key: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=instant())


class BrandingRow(SQLModel, table=True):
    """One a tenant; `id` names its history."""

    __tablename__ = "branding"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_branding_tenant_id"),
        CheckConstraint("accent_color ~ '^#[0-9a-fA-F]{6}$'", name="accent_color_is_one"),
        CheckConstraint("logo_url LIKE 'https://%'", name="logo_is_encrypted"),
        CheckConstraint("locale IN ('en', 'de')", name="locale_known"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID
    sender_name: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    reply_to: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    logo_url: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    accent_color: str = Field(sa_column=Column(Text, nullable=False))
    footer: str = Field(sa_column=Column(Text, nullable=False))
    locale: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
