from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.infrastructure.database.rows import instant


class JobRow(SQLModel, table=True):
    """A command that was taken for later, with all it needs to run and what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed')", name="status_known"),
        Index("ix_jobs_finished_at", "finished_at"),
    )

    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    command: str = Field(sa_column=Column(Text, nullable=False))
    arguments: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    permission: str | None = Field(default=None, sa_column=Column(Text))
    role: str | None = Field(default=None, sa_column=Column(Text))
    caller: dict[str, object] = Field(sa_column=Column(JSONB, nullable=False))
    actor_id: UUID
    request_id: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    result: dict[str, object] | None = Field(default=None, sa_column=Column(JSONB))
    failure: dict[str, object] | None = Field(default=None, sa_column=Column(JSONB))
    version: int
    created_at: datetime = Field(sa_column=instant())
    started_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=instant(nullable=True))
