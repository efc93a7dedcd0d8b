"""CORS: Starlette's, with a problem document where it would answer plain text."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.presentation.problems import problem_response, where

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST_HEADERS = (
    "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Prefer", "X-Tenant-ID",
    "X-Request-ID", "traceparent", "tracestate",
)  # fmt: skip
_EXPOSED = (
    "ETag", "Location", "Retry-After", "X-Request-ID", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy",
)  # fmt: skip
_REFUSED = 400


class Cors(CORSMiddleware):
    """For HTTP requests with an Origin header. Listed origins may send credentials; `*` never comes with them
    (Fetch standard, CORS protocol)."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_EXPOSED,
            allow_credentials=bool(origins) and "*" not in origins,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await self._preflight(scope, headers)(scope, receive, send)
        else:
            await self.simple_response(scope, receive, send, request_headers=headers)

    def _preflight(self, scope: Scope, headers: Headers) -> Response:
        answer = self.preflight_response(request_headers=headers)
        if answer.status_code != _REFUSED:
            return answer
        instance, request_id = where(scope)
        return problem_response(
            _REFUSED,
            "cors_refused",
            "Browsers may not call from this origin, or with this method or header.",
            instance=instance,
            request_id=request_id,
            headers={name: value for name, value in answer.headers.items() if not name.startswith("content-")},
        )
