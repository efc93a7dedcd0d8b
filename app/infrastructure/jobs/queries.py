from __future__ import annotations

import orjson

from app.application.jobs.queries.get_job import GetJob
from app.application.jobs.views import JobView
from app.domain.jobs.job import JobNotFound
from app.infrastructure.database.reader import Reader

_GET = """
    SELECT id, status, result, failure, request_id, created_at, started_at, finished_at FROM jobs
    WHERE tenant_id = $1 AND id = $2 AND ($3::uuid IS NULL OR actor_id = $3)
"""


class GetJobHandler:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def handle(self, query: GetJob) -> JobView:
        row = await self._reader.row(_GET, self._reader.tenant_id, query.job_id, query.own_of)
        if row is None:
            raise JobNotFound("There is no such job.")
        return JobView(
            id=row["id"],
            status=row["status"],
            result=orjson.loads(row["result"]) if row["result"] else None,
            failure=orjson.loads(row["failure"]) if row["failure"] else None,
            request_id=row["request_id"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
        )
