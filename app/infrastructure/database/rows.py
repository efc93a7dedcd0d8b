"""Tables that every command writes: what happened, what must still be told, who did it, what was answered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
).naming_convention


def instant(*, nullable: bool = False, default: str | None = None) -> Column[datetime]:
    """`default` is the database's, in SQL."""
    return Column(DateTime(timezone=True), nullable=nullable, server_default=text(default) if default else None)


class EventRow(SQLModel, table=True):
    """The event store: append-only for the application's role."""

    __tablename__ = "events"
    __table_args__ = (CheckConstraint("version > 0", name="version_positive"),)

    tenant_id: UUID = Field(primary_key=True)
    stream_id: UUID = Field(primary_key=True)
    version: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    stream: str = Field(sa_column=Column(Text, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    data: dict[str, object] = Field(sa_column=Column(JSONB, nullable=False))
    metadata_: dict[str, object] = Field(sa_column=Column("metadata", JSONB, nullable=False))
    occurred_at: datetime = Field(sa_column=instant())


class OutboxRow(SQLModel, table=True):
    """What a relay must still publish; the payload stands in the event store.

    `position` grows with every commit of one aggregate: its next event is written by a transaction that has read the
    one before. With `subscriber` the message is for that one alone, again under the id `message_id`.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_unpublished",
            *("partition", "tenant_id", "position"),
            postgresql_where="published_at IS NULL",
        ),
        Index("ix_outbox_published_at", "published_at"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    stream_id: UUID
    version: int = Field(sa_column=Column(Integer, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    request_id: str = Field(sa_column=Column(Text, nullable=False))
    occurred_at: datetime = Field(sa_column=instant())
    published_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    partition: int = Field(
        sa_column=Column(
            SmallInteger,
            Computed("get_byte(uuid_send(stream_id), 15) & 7", persisted=True),
            nullable=False,
        )
    )
    subscriber: str | None = Field(default=None, sa_column=Column(Text))
    message_id: UUID | None = None


class AuditRow(SQLModel, table=True):
    """Who did what, to what, from where, with which outcome. The application may only add."""

    __tablename__ = "audit_log"

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    occurred_at: datetime = Field(sa_column=instant())
    actor_id: UUID
    actor_kind: str = Field(sa_column=Column(Text, nullable=False))
    is_superuser: bool
    action: str = Field(sa_column=Column(Text, nullable=False))
    target_kind: str = Field(sa_column=Column(Text, nullable=False))
    target_id: UUID
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    request_id: str = Field(sa_column=Column(Text, nullable=False))
    ip: str = Field(sa_column=Column(Text, nullable=False))
    user_agent: str = Field(sa_column=Column(Text, nullable=False))


class IdempotencyRow(SQLModel, table=True):
    """The answer to a request, kept by the commit that made it true."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)

    tenant_id: UUID = Field(primary_key=True)
    principal_id: UUID = Field(primary_key=True)
    key: str = Field(sa_column=Column(Text, primary_key=True))
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    status: int = Field(sa_column=Column(SmallInteger, nullable=False))
    headers: list[list[str]] = Field(sa_column=Column(JSONB, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=instant())
