from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class Job(BaseModel):
    """A command that was queued."""

    id: UUID
    status: str = Field(json_schema_extra={"enum": ["queued", "running", "succeeded", "failed"]})
    result: Any = Field(description="What the command would have been answered with.")
    problem: dict[str, Any] | None = Field(description="The problem document it would have been refused with.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
