"""Components every operation refers to."""

from __future__ import annotations

from typing import Any

from app.presentation.operations import BEARER, PASSWORD_FLOW, REQUEST_ID

TOKEN_URL = "/api/v1/auth/token"  # noqa: S105 - an address

DESCRIPTION = """
Sells tickets and merchandise for many organizers (tenants).

Sign in with **Authorize**, or `POST /api/v1/auth/login`, and send the access token as `Authorization: Bearer …`.
Errors are problem documents (RFC 9457): switch on `code`, quote `request_id`. Money is in minor units, times are UTC.
Send an `Idempotency-Key` with each write, and repeat it when an answer is lost.
""".strip()

LICENCE = {"name": "MIT", "identifier": "MIT"}

TAGS = {
    "auth": "Accounts, tokens and sessions",
    "users": "A tenant's people and one's own account",
    "tenants": "Organizers and their names",
    "products": "Tickets and merchandise with price, stock and sale window",
    "files": "Images of products, and the bytes behind a signed link",
    "orders": "From a held order to a confirmed or cancelled one, and all that happened to it",
    "webhooks": "Where a tenant is told what happened, what was sent there, and sending it again",
    "jobs": "Commands that were queued with `Prefer: respond-async`",
    "dead letters": "Messages that a subscriber could not deal with",
    "service": "Is it there, does it live, may it have traffic",
}

SECURITY_SCHEMES: dict[str, Any] = {
    PASSWORD_FLOW: {
        "type": "oauth2",
        "description": "E-mail address and password (RFC 6749 section 4.3). Leave the client's fields empty.",
        "flows": {"password": {"tokenUrl": TOKEN_URL, "scopes": {}}},
    },
    BEARER: {"type": "http", "scheme": "bearer", "description": "An access token (RFC 6750)."},
}

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457. Switch on `code`. Some codes add members of their own.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string", "description": "The same for every occurrence of a code."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "For people: what to do next."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "RFC 6901 into the body; `?name` a query parameter, `{name}` one of the path.",
                    },
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}

JOB: dict[str, Any] = {
    "id": "01936f60-0d4e-7c11-8a52-6d1f0e9b7a35",
    "status": "queued",
    "result": None,
    "problem": None,
    "created_at": "2026-11-21T10:00:00Z",
    "started_at": None,
    "finished_at": None,
}

HEADERS: dict[str, Any] = {
    "X-Request-ID": {
        "description": "The request's, or one that was made; the same in logs and audit.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
    "ETag": {
        "description": "A strong validator (RFC 9110 section 8.8.3).",
        "schema": {"type": "string"},
        "example": '"3-9f86d081884c7d659a2feaa0c55ad015"',
    },
    "Location": {
        "description": "Where the new resource is.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/api/v1/products/01932c5e-7a1b-7c3d-8e4f-5a6b7c8d9e0f",
    },
    "Idempotency-Replayed": {
        "description": "`true`: this is the answer to an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
        "example": "true",
    },
    "Retry-After": {
        "description": "Seconds to wait (RFC 9110 section 10.2.3).",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
}


def _header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Without an example: Swagger UI would fill it in, and send it."""
    return {"name": name, "in": "header", "description": description, "schema": schema}


_TEXT = {"type": "string"}

PARAMETERS: dict[str, Any] = {
    "TenantId": _header(
        "X-Tenant-ID", "Slug or id of the tenant. Left out: the token's, else `default-tenant`.", _TEXT
    ),
    "RequestId": _header(
        "X-Request-ID", "1 to 128 of `A-Za-z0-9._-`; anything else is replaced by one that is made.", _TEXT
    ),
    "IdempotencyKey": _header(
        "Idempotency-Key",
        "The same key and request get the same answer for 24 hours. A UUID does.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    ),
    "IfMatch": _header(
        "If-Match",
        'The ETag of a GET, or the version as `"3"`: 412 when it is no longer current.',
        {"type": "string", "pattern": r'^(\*|"[0-9]{1,9}(-[0-9a-f]{32})?")$'},
    ),
    "Prefer": _header(
        "Prefer",
        "`respond-async`: take the command now, run it later, answer 202 with the job's address (RFC 7240).",
        _TEXT,
    ),
    "IfNoneMatch": _header("If-None-Match", "The ETag of an earlier answer: 304 when nothing changed.", _TEXT),
}
