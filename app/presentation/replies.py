"""From views to bytes: rendering, ETags, idempotency keys and pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from app.application.jobs.contracts import JobView, QueueJob
from app.application.paging import Page
from app.presentation.dependencies import Paging
from app.presentation.operations import X_ASYNC
from app.presentation.parts import Parts, parts_of
from app.presentation.problems import told_problem
from app.shared.errors import AppError, Kind, StaleVersion
from app.shared.json_bytes import json_bytes as json_bytes  # noqa: PLC0414 — routers take it from here
from app.shared.mediator import Answer, Command, IdempotencyKey, Reply

R = TypeVar("R")
T = TypeVar("T")

JSON = "application/json"
LONGEST_KEY = 255
_VERSION = re.compile(rb'"version":(\d+)')
_IF_MATCH = re.compile(r'"(\d{1,9})(?:-[0-9a-f]{32})?"')


class InvalidIdempotencyKey(AppError):
    """Idempotency-Key takes 1 to 255 printable ASCII characters."""

    code = "invalid_idempotency_key"
    kind = Kind.MALFORMED


class Listing(BaseModel, Generic[T]):
    """A page; `next_cursor` null: there is no further one."""

    items: list[T]
    next_cursor: str | None


def etag_of(body: bytes) -> str:
    """A strong validator that begins with the resource's version, which is what `If-Match` compares.

    An unescaped `"version":` is always a key: inside a JSON string its quotes would be escaped.
    """
    version = _VERSION.search(body)
    prefix = f"{version[1].decode()}-" if version else ""
    return f'"{prefix}{blake2b(body, digest_size=16).hexdigest()}"'


def view_answer(view: object, *, status: int = 200, location: str | None = None) -> Answer:
    body = json_bytes(view)
    headers = (("etag", etag_of(body)),)
    return Answer(status, body, (*headers, ("location", location)) if location else headers)


def empty_answer(_: object) -> Answer:
    return Answer(204, b"")


async def run(request: Request, command: Command[R], render: Callable[[R], Answer]) -> Response:
    """Sends a command; its answer is stored with it when the request has an Idempotency-Key."""
    parts = parts_of(request)
    key = await _idempotency(request, parts)
    if _may_be_later(request):
        state = request.state
        permission, role = getattr(state, "permission", None), getattr(state, "role", None)
        queue = QueueJob(command=command, permission=permission, role=role)
        return to_response(await parts.mediator.answer(queue, Reply(_accepted, key)))
    return to_response(await parts.mediator.answer(command, Reply(render, key)))


def _may_be_later(request: Request) -> bool:
    """`Prefer: respond-async` (RFC 7240 section 4.1), among whatever else is preferred."""
    preferred = ",".join(request.headers.getlist("prefer"))
    if not preferred:
        return False
    wanted = (part.partition(";")[0].strip().lower() for part in preferred.split(","))
    return "respond-async" in wanted and X_ASYNC not in (request.scope["route"].openapi_extra or {})


def job_body(view: JobView) -> dict[str, object]:
    """`problem` is the document that the command would have been answered with."""
    told = None
    if view.failure is not None and view.status == "failed":  # a job that is begun again keeps it until it ends
        told = told_problem(view.failure, instance=job_path(view), request_id=view.request_id)
    times = {"created_at": view.created_at, "started_at": view.started_at, "finished_at": view.finished_at}
    return {"id": view.id, "status": view.status, "result": view.result, "problem": told, **times}


def job_path(view: JobView) -> str:
    return f"/api/v1/jobs/{view.id}"


def _accepted(view: JobView) -> Answer:
    headers = (("location", job_path(view)), ("preference-applied", "respond-async"), ("retry-after", "1"))
    return Answer(202, json_bytes(job_body(view)), headers)


def to_response(answer: Answer) -> Response:
    headers = dict(answer.headers)
    if answer.replayed:
        headers["idempotency-replayed"] = "true"
    return Response(answer.body, answer.status, headers, media_type=JSON if answer.body else None)


async def _idempotency(request: Request, parts: Parts) -> IdempotencyKey | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidIdempotencyKey("Idempotency-Key takes 1 to 255 printable ASCII characters.")
    headers = request.headers.get("if-match", "").encode()
    what = request.method.encode(), request.url.path.encode(), headers, await request.body()
    fingerprints = parts.fingerprints
    return IdempotencyKey(key, fingerprints.of(*what), lambda stored: fingerprints.matches(stored, *what))


def expected_version(request: Request) -> int | None:
    """The version `If-Match` names; None without the header or with `*`. Raises StaleVersion for what can't match."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    match = _IF_MATCH.fullmatch(header.strip())
    if match is None:
        raise StaleVersion('If-Match must be the ETag of a GET, or "<version>"; load the resource again.')
    return int(match[1])


def page_response(request: Request, body: bytes, etag: str, *, cache_control: str = "private, no-cache") -> Response:
    """200, or 304 when the client has these bytes already (RFC 9110 section 13.1.2)."""
    headers = {"etag": etag, "cache-control": cache_control}
    wanted = request.headers.get("if-none-match")
    if wanted is not None and (
        wanted.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
    ):
        return Response(None, 304, headers)
    return Response(body, 200, headers, media_type=JSON)


def view_response(request: Request, view: object) -> Response:
    body = json_bytes(view)
    return page_response(request, body, etag_of(body))


def listing_bytes(page: Page[Any], paging: Paging, binding: str) -> bytes:
    return json_bytes({"items": page.items, "next_cursor": paging.cursor_after(page.next_after, binding)})
