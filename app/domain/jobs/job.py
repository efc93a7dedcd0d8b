from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from app.domain.kernel import AggregateRoot, DomainEvent
from app.shared.errors import AppError, Kind
from app.shared.ids import JobId, UserId


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class JobNotFound(AppError):
    """There is no such job in the tenant, or it is somebody else's."""

    code = "job_not_found"
    kind = Kind.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueued(DomainEvent):
    """What the job is to do stays in its row: others need not know."""

    type: ClassVar[str] = "job.queued"
    job_id: JobId
    command: str


@dataclass(slots=True, eq=False, kw_only=True)
class Job(AggregateRoot):
    """A command taken now and run later; `caller` is who asked; `permission` and `role` must be theirs then."""

    id: JobId
    command: str
    arguments: bytes
    permission: str | None
    role: str | None
    caller: Mapping[str, object]
    actor_id: UserId
    request_id: str
    created_at: datetime
    status: JobStatus = JobStatus.QUEUED

    def queue(self) -> None:
        self._record(JobQueued(job_id=self.id, command=self.command, occurred_at=self.created_at))
