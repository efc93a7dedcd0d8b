"""The only place where an error kind becomes an HTTP status (RFC 9457 problem documents)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.presentation.allowed_methods import allowed_methods
from app.presentation.faults import field_faults
from app.presentation.refusals import BodyTooLarge, MalformedRequest, UnsupportedMediaType, ValidationFailed
from app.shared.errors import AppError, FieldFault, Forbidden, Kind, Unavailable

PROBLEM_JSON = "application/problem+json"

HTTP_STATUS: Mapping[Kind, int] = MappingProxyType(
    {
        Kind.MALFORMED: 400,
        Kind.UNAUTHENTICATED: 401,
        Kind.PLAN_LIMIT: 402,
        Kind.FORBIDDEN: 403,
        Kind.NOT_FOUND: 404,
        Kind.CONFLICT: 409,
        Kind.STALE: 412,
        Kind.TOO_LARGE: 413,
        Kind.WRONG_TYPE: 415,
        Kind.INVALID: 422,
        Kind.TOO_MANY: 429,
        Kind.UNAVAILABLE: 503,
    }
)

INTERNAL_ERROR = 500
CRASHED = "Something went wrong on our side. Try again; if it stays, report the request id."
_INSTANCE_LIMIT = 1_024

_FRAMEWORK: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: (MalformedRequest.code, "The request can't be read. Compare it with the API's description."),
        401: ("unauthenticated", "Sign in, then send the access token as `Authorization: Bearer …`."),
        403: (Forbidden.code, "Your role does not allow this."),
        404: ("not_found", "There is nothing at this address."),
        405: ("method_not_allowed", "This address does not know the method; see the Allow header."),
        413: (BodyTooLarge.code, "The body is too large."),
        415: (UnsupportedMediaType.code, "The body has a type this operation does not read."),
        503: (Unavailable.code, "Not available at the moment. Try again shortly."),
    }
)


def title_of(code: str) -> str:
    """The same words for every occurrence of a code (RFC 9457 section 3.1.3)."""
    return code.replace("_", " ").capitalize()


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str = "",
    request_id: str = "",
    errors: Sequence[FieldFault] = (),
    extra: Mapping[str, str | int | None] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem document. `extra` can't replace the members every problem has."""
    members = _members(status, code, detail, instance=instance, request_id=request_id)
    if errors:
        members["errors"] = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in errors]
    content = orjson.dumps({**(extra or {}), **members})
    return Response(content, status, headers=dict(headers or {}), media_type=PROBLEM_JSON)


def _members(status: int, code: str, detail: str, *, instance: str, request_id: str) -> dict[str, object]:
    return {
        "type": f"/problems/{code}",
        "title": title_of(code),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": request_id,
    }


def told_problem(failure: Mapping[str, Any], *, instance: str, request_id: str) -> dict[str, object]:
    """The document of an error that happened elsewhere and was written down: what a queued command met."""
    kind = failure["kind"]
    status = HTTP_STATUS[Kind(kind)] if kind else INTERNAL_ERROR
    members = _members(status, failure["code"], failure["message"] or CRASHED, instance=instance, request_id=request_id)
    if failure["errors"]:
        members["errors"] = failure["errors"]
    return {**failure.get("extra", {}), **members}


def where(scope: Scope) -> tuple[str, str]:
    """The problem's `instance` (the path as it was sent, percent-encoded) and `request_id`."""
    raw = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    return raw[:_INSTANCE_LIMIT].decode("ascii", "replace"), scope.get("state", {}).get("request_id", "")


def error_response(scope: Scope, error: AppError) -> Response:
    """The answer to an expected error."""
    instance, request_id = where(scope)
    return problem_response(
        HTTP_STATUS[error.kind],
        error.code,
        error.message,
        instance=instance,
        request_id=request_id,
        errors=error.errors,
        extra=error.extra,
        headers=_headers_for(error),
    )


def crash_response(scope: Scope) -> Response:
    """The answer to a defect: what went wrong is in the log, under the request id."""
    instance, request_id = where(scope)
    return problem_response(INTERNAL_ERROR, "internal_error", CRASHED, instance=instance, request_id=request_id)


def add_error_handlers(app: FastAPI) -> None:
    """Expected errors and the framework's own become problems; anything else is the edge's (`crash_response`)."""
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_framework_error)


async def _on_app_error(request: Request, error: Exception) -> Response:
    return error_response(request.scope, cast(AppError, error))


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    faults = field_faults(cast(RequestValidationError, error).errors())
    message = "Some fields are missing or wrong; `errors` names each of them."
    return error_response(request.scope, ValidationFailed(message, errors=faults))


async def _on_framework_error(request: Request, error: Exception) -> Response:
    """Starlette's and FastAPI's own errors; their wording is not part of the contract, so it is replaced."""
    fault = cast(HTTPException, error)
    instance, request_id = where(request.scope)
    code, detail = _FRAMEWORK.get(fault.status_code, ("http_error", "The request was refused."))
    headers = dict(fault.headers or {})
    if fault.status_code == HTTP_METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed_methods(request.app, request.scope))
    return problem_response(fault.status_code, code, detail, instance=instance, request_id=request_id, headers=headers)


def _headers_for(error: AppError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    wait = error.retry_after if error.retry_after is not None else (1 if error.kind is Kind.UNAVAILABLE else None)
    if wait is not None:
        headers["Retry-After"] = str(wait)
    return headers


HTTP_METHOD_NOT_ALLOWED = 405
