from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.jobs.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """`result` is what the command would have been answered with, `failure` why it was refused."""

    id: UUID
    status: str
    result: Any
    failure: Mapping[str, Any] | None
    request_id: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


def view_of(job: Job) -> JobView:
    return JobView(
        id=job.id,
        status=job.status,
        result=None,
        failure=None,
        request_id=job.request_id,
        created_at=job.created_at,
    )
