from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.application.jobs.queries.get_job import GetJob
from app.domain.jobs.job import JobNotFound
from app.presentation.dependencies import Allow, Caller
from app.presentation.jobs.schemas import Job
from app.presentation.openapi_parts import JOB
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import etag_of, job_body, json_bytes, page_response
from app.presentation.strict_route import StrictRoute
from app.shared.ids import JobId

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], route_class=StrictRoute)

Reader = Annotated[Caller, Depends(Allow("jobs:read"))]


@router.get(
    "/{job_id}",
    **describe(
        operation_id="get_job",
        summary="How far a queued command is, and what came of it; buyers see their own",
        permission="jobs:read",
        view=Job,
        not_found=JobNotFound,
        etag=True,
        response_example=JOB,
    ),
)
async def get_job(request: Request, job_id: UUID, caller: Reader) -> Response:
    view = await parts_of(request).mediator.send(GetJob(job_id=JobId(job_id), own_of=caller.own_of))
    body = json_bytes(job_body(view))
    return page_response(request, body, etag_of(body))
