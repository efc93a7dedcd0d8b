from __future__ import annotations

from app.application.jobs.commands.queue_job import QueueJob, QueueJobHandler
from app.application.jobs.ports import CommandCodec
from app.application.jobs.queries.get_job import GetJob
from app.application.ports import Clock, IdSource
from app.application.sealing import Sealer
from app.application.tenancy.contracts import TenantDirectory
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.pool import Database
from app.infrastructure.jobs.codec import JsonCommandCodec
from app.infrastructure.jobs.queries import GetJobHandler
from app.infrastructure.jobs.repository import SqlJobRepository
from app.infrastructure.jobs.runner import JobRunner


def bind_jobs(
    routes: Routes, *, database: Database, tenants: TenantDirectory, sealer: Sealer, clock: Clock, ids: IdSource
) -> None:
    """Bind it last: every command bound before can be queued."""
    codec: CommandCodec = JsonCommandCodec(sealer, list(routes.commands))
    routes.command(QueueJob, lambda s: QueueJobHandler(SqlJobRepository(s), codec, s.context, clock, ids))
    routes.query(GetJob, GetJobHandler)
    routes.process("jobs", {"job.queued"}, lambda sender: JobRunner(sender, database, codec, tenants))
