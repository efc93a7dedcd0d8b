"""Tables of the way out and back in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant


class QueueMessageRow(SQLModel, table=True):
    """A subscriber's copy of a message, when PostgreSQL is the transport; deleted when it was taken."""

    __tablename__ = "queue_messages"
    __table_args__ = (
        CheckConstraint("partition BETWEEN 0 AND 7", name="partition_known"),
        Index("ix_queue_messages_next", "subscriber", "partition", "position"),
    )

    tenant_id: UUID = Field(primary_key=True)
    subscriber: str = Field(sa_column=Column(Text, primary_key=True))
    message_id: UUID = Field(primary_key=True)
    partition: int = Field(sa_column=Column(SmallInteger, nullable=False))
    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    takes: int = Field(sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    queued_at: datetime = Field(sa_column=instant(default="now()"))


class InboxRow(SQLModel, table=True):
    """A subscriber has dealt with this message; written by the transaction that holds the effect."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_handled_at", "handled_at"),)

    tenant_id: UUID = Field(primary_key=True)
    subscriber: str = Field(sa_column=Column(Text, primary_key=True))
    message_id: UUID = Field(primary_key=True)
    handled_at: datetime = Field(sa_column=instant(default="now()"))


class DeadLetterRow(SQLModel, table=True):
    """A message that a subscriber could not deal with, kept until somebody replays or discards it."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        UniqueConstraint("tenant_id", "subscriber", "message_id"),
        Index("ix_dead_letters_died_at", "died_at"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    subscriber: str = Field(sa_column=Column(Text, nullable=False))
    message_id: UUID
    type: str = Field(sa_column=Column(Text, nullable=False))
    stream: str = Field(sa_column=Column(Text, nullable=False))
    stream_id: UUID
    version: int
    request_id: str = Field(sa_column=Column(Text, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    tries: int
    died_at: datetime = Field(sa_column=instant())
    replayed_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))


class LeaseRow(SQLModel, table=True):
    """Who works on a partition, until when."""

    __tablename__ = "leases"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    holder: UUID | None = None
    expires_at: datetime = Field(sa_column=instant())


class WorkerRow(SQLModel, table=True):
    """A process that runs background work; `seen_at` is its heartbeat."""

    __tablename__ = "workers"
    __table_args__ = (CheckConstraint("kind IN ('api', 'worker')", name="kind_known"),)

    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_column=Column(Text, nullable=False))
    started_at: datetime = Field(sa_column=instant())
    seen_at: datetime = Field(sa_column=instant())


class ScheduleRow(SQLModel, table=True):
    """Work that is due again and again: when next, who is at it, what came of it last."""

    __tablename__ = "schedules"
    __table_args__ = (CheckConstraint("every_seconds > 0", name="every_positive"),)

    name: str = Field(sa_column=Column(Text, primary_key=True))
    every_seconds: float = Field(sa_column=Column(Double, nullable=False))
    next_run_at: datetime = Field(sa_column=instant())
    holder: UUID | None = None
    leased_until: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    last_started_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    last_finished_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    last_result: str | None = Field(default=None, sa_column=Column(Text))
    last_error: str | None = Field(default=None, sa_column=Column(Text))
    runs: int = Field(sa_column=Column(BigInteger, nullable=False))
