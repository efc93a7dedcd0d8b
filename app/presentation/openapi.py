"""The OpenAPI 3.1 document: FastAPI's, completed with what every operation has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.presentation.openapi_parts import (
    DESCRIPTION,
    HEADERS,
    JOB,
    LICENCE,
    PARAMETERS,
    PROBLEM,
    SECURITY_SCHEMES,
    TAGS,
)
from app.presentation.operations import (
    X_ASYNC,
    X_ETAG,
    X_EXAMPLE,
    X_IDEMPOTENCY,
    X_PERMISSION,
    example,
    problem_answer,
)
from app.presentation.problems import PROBLEM_JSON
from app.presentation.refusals import (
    BodyTooLarge,
    MalformedBody,
    MalformedRequest,
    MalformedUrl,
    UnsupportedEncoding,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.shared.errors import ConcurrentChange, Unavailable

Document = dict[str, Any]
Operation = dict[str, Any]

TAKE_KEYS = frozenset({"post", "put", "patch", "delete"})
CONDITIONAL = frozenset({"put", "patch", "delete"})
NOT_MODIFIED = "304"


def finish_openapi(app: FastAPI) -> None:
    """`app.openapi()` answers the finished document from now on; it is made once, after the last route is added."""
    made: list[Document] = []

    def openapi() -> Document:
        if not made:
            made.append(_document(app))
        return made[0]

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents for extending it


def openapi_bytes(app: FastAPI) -> Callable[[], bytes]:
    """The document as it is served, the same bytes at each address and time."""
    made: list[bytes] = []

    def served() -> bytes:
        if not made:
            made.append(orjson.dumps(app.openapi()))
        return made[0]

    return served


def _document(app: FastAPI) -> Document:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description or DESCRIPTION,
        license_info=app.license_info or LICENCE,
        routes=app.routes,
        servers=[{"url": "/"}],
    )
    with_jobs = "Job" in document.get("components", {}).get("schemas", {})
    for method, operation in _operations(document):
        _drop_stock_problem(operation)
        if X_PERMISSION in operation:
            _complete(method, operation, with_jobs=with_jobs)
    used = {tag for _, operation in _operations(document) for tag in operation.get("tags", ())}
    document["tags"] = [{"name": tag, "description": words} for tag, words in TAGS.items() if tag in used]
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for stock in ("HTTPValidationError", "ValidationError"):
        schemas.pop(stock, None)
    schemas["Problem"] = PROBLEM
    components["securitySchemes"] = SECURITY_SCHEMES
    components["headers"], components["parameters"] = HEADERS, PARAMETERS
    return document


def _operations(document: Document) -> Iterator[tuple[str, Operation]]:
    for path in document.get("paths", {}).values():
        yield from path.items()


def _drop_stock_problem(operation: Operation) -> None:
    """FastAPI describes its own 422, which no route here answers."""
    if "application/json" in operation["responses"].get("422", {}).get("content", {}):
        del operation["responses"]["422"]


def _complete(method: str, operation: Operation, *, with_jobs: bool) -> None:
    takes_key = method in TAKE_KEYS and X_IDEMPOTENCY not in operation
    if takes_key and with_jobs and X_ASYNC not in operation:
        _add_queued(operation)
    _add_parameters(method, operation, takes_key=takes_key)
    _add_body_example(operation)
    _add_problems(method, operation, takes_key=takes_key)
    _add_headers(method, operation, takes_key=takes_key)
    operation.pop(X_ETAG)


def _add_queued(operation: Operation) -> None:
    """What any command may be asked for and then answers, unless it says otherwise."""
    operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/Prefer"})
    operation["responses"]["202"] = {
        "description": "Taken, and run as soon as its turn comes: look at `Location`",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}, "example": JOB}},
    }


def _add_parameters(method: str, operation: Operation, *, takes_key: bool) -> None:
    names = ["TenantId", "RequestId"]
    if takes_key:
        names.append("IdempotencyKey")
    if method in CONDITIONAL and "412" in operation["responses"]:
        names.append("IfMatch")
    if method == "get" and operation[X_ETAG]:
        names.append("IfNoneMatch")
    operation.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in names)


def _add_headers(method: str, operation: Operation, *, takes_key: bool) -> None:
    answers = operation["responses"]
    if method == "get" and operation[X_ETAG]:
        answers[NOT_MODIFIED] = {"description": "Not changed since the ETag in `If-None-Match`"}
    for status, answer in answers.items():
        names = ["X-Request-ID"]
        if operation[X_ETAG] and status in ("200", "201", NOT_MODIFIED):
            names.append("ETag")
        if status in ("201", "202"):
            names.append("Location")
        if takes_key and status.startswith("2"):
            names.append("Idempotency-Replayed")
        if status in ("429", "503"):
            names.append("Retry-After")
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _add_body_example(operation: Operation) -> None:
    wanted = operation.pop(X_EXAMPLE, None)
    if wanted is not None:
        for content in operation["requestBody"]["content"].values():
            content["example"] = wanted


def _add_problems(method: str, operation: Operation, *, takes_key: bool) -> None:
    """What the edge, the strict routes and the pipeline may answer to this operation."""
    common = [*_ALWAYS, *(_WITH_BODY if "requestBody" in operation else ()), *(_WITH_KEY if takes_key else ())]
    if method in CONDITIONAL:
        common.append(_RACE)
    answers = operation["responses"]
    for status, code, detail in common:
        fresh = example(status, code, detail)
        answer = answers.setdefault(str(status), problem_answer({code: fresh}))
        examples = answer["content"][PROBLEM_JSON]["examples"]
        examples.setdefault(code, fresh)
        answer["description"] = " · ".join(f"`{known}`" for known in examples)
    operation["responses"] = dict(sorted(answers.items()))


_ALWAYS = (
    (400, MalformedRequest.code, "A header line is broken."),
    (400, MalformedUrl.code, "The URL is not UTF-8. Percent-encode text as UTF-8."),
    (413, BodyTooLarge.code, "The body is too large."),
    (415, UnsupportedEncoding.code, "Send the body uncompressed, without Content-Encoding."),
    (422, ValidationFailed.code, "Some fields are missing or wrong; `errors` names each of them."),
    (429, "too_many_requests", "Too many requests. Wait as long as Retry-After says."),
    (503, Unavailable.code, "Not available at the moment. Try again as Retry-After says."),
)
_WITH_BODY = (
    (400, MalformedBody.code, "The body is not JSON. Send one JSON object."),
    (415, UnsupportedMediaType.code, "Send the body as UTF-8 with the Content-Type the operation reads."),
)
_RACE = (409, ConcurrentChange.code, "Somebody changed the same resource first. Try again.")
_WITH_KEY = (
    (400, "invalid_idempotency_key", "Idempotency-Key takes 1 to 255 printable ASCII characters."),
    (409, "idempotency_in_flight", "A request with this key is being worked on. Ask again in a moment."),
    (422, "idempotency_mismatch", "This key was used with another request. Take a new one."),
)
