from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.domain.jobs.job import Job
from app.infrastructure.database.scope import Scope
from app.infrastructure.database.writer import BulkInsert, Writes
from app.infrastructure.jobs.rows import JobRow
from app.shared.ids import TenantId
from app.shared.json_bytes import json_bytes

_INSERT = BulkInsert(
    JobRow,
    *("tenant_id", "id", "command", "arguments", "permission", "role", "caller", "actor_id", "request_id"),
    *("status", "version", "created_at"),
)


class JobMapper:
    stream = "job"

    def key(self, job: Job) -> UUID:
        return job.id

    async def insert(self, writes: Writes, tenant_id: TenantId, jobs: Sequence[Job]) -> None:
        rows = [
            (
                *(tenant_id, job.id, job.command, job.arguments, job.permission, job.role),
                *(
                    json_bytes(job.caller).decode(),
                    job.actor_id,
                    job.request_id,
                    job.status,
                    job.version,
                    job.created_at,
                ),
            )
            for job in jobs
        ]
        writes.add(_INSERT, rows)

    async def update(self, _writes: Writes, _tenant_id: TenantId, _jobs: Sequence[Job]) -> None:
        """The runner tells how far a job is; nothing else changes one."""
        raise TypeError("a job is not changed by commands")


_MAPPER = JobMapper()


class SqlJobRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, job: Job) -> None:
        self._scope.track(job, _MAPPER, new=True)
