from __future__ import annotations

from dataclasses import dataclass

from app.application.jobs.views import JobView
from app.shared.ids import JobId, UserId
from app.shared.mediator import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJob(Query[JobView]):
    """How far a queued command is; with `own_of`, only that caller's own. Raises JobNotFound."""

    job_id: JobId
    own_of: UserId | None = None
