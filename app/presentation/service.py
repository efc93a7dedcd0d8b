"""Is it there, does it live, may it have traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import JSON, json_bytes
from app.presentation.strict_route import StrictRoute
from app.shared.errors import Unavailable

router = APIRouter(tags=["service"], route_class=StrictRoute)
NEEDED = ("database",)
"""Parts without which no request can be served; the others have a stand-in."""
SECONDS = 0.8
"""How long a probe may take: an orchestrator waits about one second."""


class Alive(BaseModel):
    status: Literal["ok"]


class PartState(BaseModel):
    """`ok` tells whether the part works; what else there is depends on the part."""

    model_config = ConfigDict(extra="allow")
    ok: bool


class Health(BaseModel):
    """Parts beside the database and the cache may be added."""

    status: Literal["ok", "degraded"]
    version: str
    environment: str
    database: PartState
    cache: PartState
    time: datetime


ALIVE = {"status": "ok"}
HEALTH = {
    "status": "ok",
    "version": "0.1.0",
    "environment": "development",
    "database": {"ok": True, "version": "18.0"},
    "cache": {"ok": True, "active": "disk", "hits": 7, "misses": 2, "errors": 0},
    "time": "2026-11-21T10:00:00Z",
}


async def _probed(request: Request) -> dict[str, Mapping[str, object]]:
    probes = parts_of(request).probes
    states = await asyncio.gather(
        *(asyncio.wait_for(probe(), SECONDS) for probe in probes.values()), return_exceptions=True
    )
    return {
        name: {"ok": False, "detail": type(state).__name__} if isinstance(state, BaseException) else state
        for name, state in zip(probes, states, strict=True)
    }


def _ready(states: Mapping[str, Mapping[str, object]]) -> bool:
    return all(states[name]["ok"] for name in NEEDED)


@router.get(
    "/health",
    **describe(
        operation_id="health",
        summary="Version, environment and the state of every part",
        permission=None,
        public=True,
        view=Health,
        response_example=HEALTH,
    ),
)
async def health(request: Request) -> Response:
    states = await _probed(request)
    app = request.app
    about = {"status": "ok" if _ready(states) else "degraded", "version": app.version}
    body = json_bytes({**about, "environment": app.state.environment, **states, "time": datetime.now(UTC)})
    return Response(body, 200, media_type=JSON)


@router.get(
    "/health/live",
    **describe(
        operation_id="health_live",
        summary="The process answers",
        permission=None,
        public=True,
        view=Alive,
        response_example=ALIVE,
    ),
)
async def live() -> Response:
    return Response(b'{"status":"ok"}', 200, media_type=JSON)


@router.get(
    "/health/ready",
    **describe(
        operation_id="health_ready",
        summary="Requests can be served",
        permission=None,
        public=True,
        view=Alive,
        response_example=ALIVE,
    ),
)
async def ready(request: Request) -> Response:
    if request.app.state.draining:
        raise Unavailable("This process is shutting down; use another one.", retry_after=1)
    states = await _probed(request)
    if not _ready(states):
        raise Unavailable("The database does not answer; try again shortly.", retry_after=1)
    return Response(json_bytes({"status": "ok"}), 200, media_type=JSON)
