from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.application.jobs.ports import CommandCodec
from app.application.jobs.views import JobView, view_of
from app.application.ports import Clock, IdSource
from app.domain.jobs.job import Job
from app.domain.jobs.ports import JobRepository
from app.shared.ids import JobId
from app.shared.mediator import Command
from app.shared.tenant_context import RequestContext


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueJob(Command[JobView]):
    """Take a command now, run it as soon as its turn comes, and tell then what came of it."""

    command: Command[Any]
    permission: str | None
    role: str | None


@dataclass(slots=True)
class QueueJobHandler:
    jobs: JobRepository
    codec: CommandCodec
    context: RequestContext
    clock: Clock
    ids: IdSource

    async def handle(self, command: QueueJob) -> JobView:
        job = Job(
            id=JobId(self.ids.new()),
            command=self.codec.name_of(command.command),
            arguments=self.codec.encode(command.command),
            permission=command.permission,
            role=command.role,
            caller=self.codec.caller(self.context),
            actor_id=self.context.actor_id,
            request_id=self.context.request_id,
            created_at=self.clock.now(),
        )
        job.queue()
        self.jobs.add(job)
        return view_of(job)
