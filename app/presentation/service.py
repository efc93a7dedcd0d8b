"""Is it there, does it live, may it have traffic, and how is it doing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from secrets import compare_digest
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict

from app.presentation.dependencies import NotAuthenticated
from app.presentation.operations import describe
from app.presentation.parts import parts_of
from app.presentation.replies import JSON, json_bytes
from app.presentation.strict_route import StrictRoute
from app.shared.errors import AppError, Kind, Unavailable
from app.shared.settings import Settings

router = APIRouter(tags=["service"], route_class=StrictRoute)
NEEDED = {
    "database": "The database does not answer; try again shortly.",
    "migrations": "The database's schema can't be read; try again shortly.",
}
"""Parts without which no request can be served, and what to say when one has nothing to say itself. Of the others, each
has a stand-in or may come later: without background work, what is asked for is done when it runs again."""
SECONDS = 0.8
"""How long a probe may take: an orchestrator waits about one second."""


METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class MetricsClosed(AppError):
    """Production shows no metrics without METRICS_TOKEN."""

    code = "metrics_closed"
    kind = Kind.NOT_FOUND


class Alive(BaseModel):
    status: Literal["ok"]


class PartState(BaseModel):
    """`ok` tells whether the part works; what else there is depends on the part."""

    model_config = ConfigDict(extra="allow")
    ok: bool


class Health(BaseModel):
    """`degraded`: a part does not work. Requests are served as long as `/health/ready` says so. Parts may be added."""

    status: Literal["ok", "degraded"]
    version: str
    environment: str
    database: PartState
    migrations: PartState
    cache: PartState
    broker: PartState | None = None
    workers: PartState
    queue: PartState
    time: datetime


ALIVE = {"status": "ok"}
HEALTH = {
    "status": "ok",
    "version": "0.1.0",
    "environment": "development",
    "database": {"ok": True, "version": "18.0"},
    "migrations": {"ok": True, "revision": "0005"},
    "cache": {"ok": True, "active": "disk", "hits": 7, "misses": 2, "errors": 0},
    "broker": {"ok": True, "active": "postgres"},
    "workers": {"ok": True, "alive": 2, "silent_seconds": 0},
    "queue": {"ok": True, "unpublished": 0, "oldest_seconds": 0.0},
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


def _missing(states: Mapping[str, Mapping[str, object]]) -> str | None:
    """What keeps requests from being served, in words."""
    for name, words in NEEDED.items():
        state = states.get(name, {"ok": True})
        if not state["ok"]:
            detail = str(state.get("detail", ""))
            return detail if " " in detail else words
    return None


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
    about = {"status": "ok" if all(state["ok"] for state in states.values()) else "degraded", "version": app.version}
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
    if missing := _missing(states):
        raise Unavailable(missing, retry_after=1)
    return Response(json_bytes({"status": "ok"}), 200, media_type=JSON)


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    **describe(
        operation_id="metrics",
        summary="All numbers, for Prometheus",
        permission=None,
        public=True,
        errors=(MetricsClosed, NotAuthenticated),
    ),
)
async def metrics(request: Request) -> Response:
    """Text format 0.0.4. With METRICS_TOKEN set, send it as `Authorization: Bearer …`; production is closed without."""
    _check_metrics_token(request)
    return Response(await parts_of(request).metrics(), media_type=METRICS_TEXT)


def _check_metrics_token(request: Request) -> None:
    """Raises MetricsClosed or NotAuthenticated."""
    settings: Settings = request.app.state.settings
    if settings.metrics_token is None:
        if settings.production:
            raise MetricsClosed("There are no metrics here; set METRICS_TOKEN to open them to whoever has it.")
        return
    wanted = f"Bearer {settings.metrics_token.get_secret_value()}".encode()
    given: bytes = request.scope["state"]["headers"].get(b"authorization", b"")
    if not compare_digest(given, wanted):
        raise NotAuthenticated("Send the metrics token as Authorization: Bearer <token>.")
