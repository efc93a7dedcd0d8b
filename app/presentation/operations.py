"""What a route's decorator needs so that the operation documents itself: `@router.post("", **describe(…))`.

What follows from the method, the parameters or the body (idempotency key, 413, 415 …) is added by `openapi.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.presentation.problems import HTTP_STATUS, PROBLEM_JSON, title_of
from app.presentation.refusals import ValidationFailed
from app.shared.errors import AppError, Forbidden

PASSWORD_FLOW, BEARER = "password", "bearer"
"""Names of the security schemes."""

PUBLIC, AUTHENTICATED = "public", "authenticated"

X_PERMISSION, X_IDEMPOTENCY, X_EXAMPLE, X_ETAG = "x-permission", "x-idempotency", "x-request-example", "x-etag"
"""The last two are for `openapi.py` only."""

X_ASYNC = "x-respond-async"
"""`never`: the operation is not queued, whatever the client prefers."""

_CREDENTIALS = (
    (401, "invalid_token", "This token is not valid. Sign in again."),
    (403, "tenant_mismatch", "You do not belong to the tenant that X-Tenant-ID names."),
)
_NO_CREDENTIALS = (401, "not_authenticated", "Sign in, then send the access token as `Authorization: Bearer …`.")

REQUEST_ID = "7d1f2a0c5e8b4f6d9a3c2b1e0f4d5c6b"
NO_CONTENT = 204
CREATED = 201


def describe(
    *,
    operation_id: str,
    summary: str,
    permission: str | None,
    public: bool = False,
    status: int = 200,
    view: Any = None,
    errors: Iterable[type[AppError]] = (),
    not_found: type[AppError] | None = None,
    request_example: object = None,
    response_example: object = None,
    etag: bool = False,
    secret: bool = False,
    queued: bool = True,
) -> dict[str, Any]:
    """`permission` None: any signed-in caller; with `public`, callers without credentials as well.

    `secret`: the answer hands out credentials, so no Idempotency-Key is taken, and it can't wait in a queue either.
    `queued` False: neither can this one. `etag`: the answer has an ETag.
    """
    known = [*errors, *([not_found] if not_found else [])]
    problems = _problems(known, permission, public=public)
    described: dict[str, Any] = {
        "operation_id": operation_id,
        "summary": summary,
        "status_code": status,
        "responses": {
            status: _success(status, response_example),
            **{code: problem_answer(examples) for code, examples in sorted(problems.items())},
        },
        "openapi_extra": _extra(
            permission, public=public, secret=secret, queued=queued, etag=etag, request=request_example
        ),
    }
    return described if view is None else {**described, "response_model": view}


def _problems(
    errors: Iterable[type[AppError]], permission: str | None, *, public: bool
) -> dict[int, dict[str, object]]:
    """Examples of the problem documents, by status and code."""
    known: list[type[AppError]] = [*errors, *([Forbidden] if permission else [])]
    told = [(HTTP_STATUS[error.kind], error.code, _words(error)) for error in known]
    if permission or not public:
        told += _CREDENTIALS
    if not public:
        told.append(_NO_CREDENTIALS)
    found: dict[int, dict[str, object]] = {}
    for status, code, detail in told:
        found.setdefault(status, {}).setdefault(code, example(status, code, detail))
    return found


def example(status: int, code: str, detail: str) -> dict[str, object]:
    problem: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": title_of(code),
        "status": status,
        "detail": detail,
        "instance": "/api/v1/products",
        "code": code,
        "request_id": REQUEST_ID,
    }
    if code == ValidationFailed.code:
        problem["errors"] = [{"pointer": "/name", "code": "missing", "detail": "This is required."}]
    return {"summary": title_of(code), "value": problem}


def problem_answer(examples: Mapping[str, object]) -> dict[str, Any]:
    """A response object of OpenAPI, for one status with all codes it may carry."""
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": dict(examples)}
    return {"description": " · ".join(f"`{code}`" for code in examples), "content": {PROBLEM_JSON: content}}


def _success(status: int, response_example: object) -> dict[str, Any]:
    words = {CREATED: "Made", NO_CONTENT: "Done, nothing to say"}
    success: dict[str, Any] = {"description": words.get(status, "As asked")}
    if response_example is not None:
        success["content"] = {"application/json": {"example": response_example}}
    return success


def _extra(
    permission: str | None, *, public: bool, secret: bool, queued: bool, etag: bool, request: object
) -> dict[str, Any]:
    credentials: list[dict[str, list[str]]] = [{PASSWORD_FLOW: []}, {BEARER: []}]
    anyone = [{}, *credentials] if permission else []
    extra: dict[str, Any] = {
        X_PERMISSION: permission or (PUBLIC if public else AUTHENTICATED),
        "security": anyone if public else credentials,
        X_ETAG: etag,
    }
    if secret:
        extra[X_IDEMPOTENCY] = "exempt"
    if secret or public or not queued:  # what nobody signed in for, nobody could ask about later
        extra[X_ASYNC] = "never"
    if request is not None:
        extra[X_EXAMPLE] = request
    return extra


def _words(error: type[AppError]) -> str:
    """The first line of the error's own description."""
    own = vars(error).get("__doc__") or f"{title_of(error.code)}."
    return str(own).strip().splitlines()[0]
