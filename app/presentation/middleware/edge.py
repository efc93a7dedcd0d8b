"""The edge: one pure ASGI middleware around everything, so that each answer has its headers, id and log line.

One instance of work per request, one wrapped `send`; what is constant is made at start-up.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from time import perf_counter
from typing import Protocol

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.presentation.middleware.cors import Cors
from app.presentation.middleware.guards import check_headers, check_url, guard_body
from app.presentation.middleware.identity import identify
from app.presentation.middleware.room import ALWAYS, Room
from app.presentation.middleware.security_headers import Header, security_headers
from app.presentation.problems import crash_response, error_response
from app.presentation.uploads import FileLimits
from app.shared.errors import AppError
from app.shared.ids import TenantId
from app.shared.settings import Settings
from app.shared.tenant_context import NO_CONTEXT, request_context

CLIENT_LEFT = 499
"""What the log says (as nginx does) when the client was gone before an answer."""

_VARY: Header = (b"vary", b"Origin")
_AGENT_LIMIT = 512
_PATH_LIMIT = 200
_EXCHANGE = "hello.exchange"


class EdgeLog(Protocol):
    """Where the edge reports; both must be quick and must not raise."""

    def access(
        self, method: str, route: str, status: int, milliseconds: float, request_id: str, tenant: TenantId | None
    ) -> None:
        """One line per request. `route` is the template (`/api/v1/orders/{order_id}`) or, for none, the path."""

    def crash(self, error: Exception, method: str, route: str, request_id: str) -> None:
        """A defect, with its traceback."""


class EdgeMeter(Protocol):
    """What the edge counts with; as quick and harmless as its log."""

    def begin(self) -> None: ...

    def end(self, method: str, route: str, status: int, milliseconds: float) -> None:
        """Once for each `begin`; `route` is as the log has it."""


def add_edge(app: FastAPI, settings: Settings, log: EdgeLog, meter: EdgeMeter) -> None:
    """Call once, after any other `add_middleware`: the last one added is the outermost.

    Routes find `request_id`, `traceparent`, `client_ip` and `user_agent` (all str) in `request.state`, and `headers`,
    the request's as a dict of bytes. The log's tenant is that of `request_context`, as the route's dependencies left
    it.
    """
    app.router.redirect_slashes = False  # the redirect would be built from the Host header
    limits = FileLimits(app.routes, files=settings.max_upload_bytes, others=settings.max_body_bytes)
    app.add_middleware(Edge, settings=settings, log=log, meter=meter, limits=limits)


class Edge:
    """See the module. Everything but HTTP is passed through."""

    def __init__(self, app: ASGIApp, *, settings: Settings, log: EdgeLog, meter: EdgeMeter, limits: FileLimits) -> None:
        self._app = app
        self._cors = Cors(self._inside, settings.origins)
        self._defaults = security_headers(settings)
        self._names = frozenset(name for name, _ in self._defaults)
        self._limits = limits
        self._room, self._open = Room(settings.max_requests_in_flight), Room(sys.maxsize)
        self._access, self._crash = log.access, log.crash
        self._begin, self._end = meter.begin, meter.end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        headers = dict(scope["headers"])
        method = scope["method"]
        exchange = _Exchange(send, headers, self._defaults, self._names)
        if method == "HEAD":  # the routes know GET only; RFC 9110 section 9.3.2 wants the same headers
            scope = {**scope, "method": "GET"}
            exchange.bodyless = True
        scope[_EXCHANGE] = exchange
        _remember(scope, exchange)
        request_context.set(NO_CONTEXT)  # servers start a pipelined request inside the one before
        self._begin()
        try:
            await (self._cors if b"origin" in headers else self._inside)(scope, receive, exchange.send)
        finally:
            del scope[_EXCHANGE]  # it holds `send`, which holds the scope: left alone, each request would be a cycle
            spent = (perf_counter() - started) * 1_000
            tenant = request_context.get().tenant_id
            route, status = route_of(scope), exchange.status or CLIENT_LEFT
            self._end(method, route, status, spent)
            self._access(method, route, status, spent, exchange.request_id, tenant)

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guards, then the application; whatever they raise becomes an answer here, inside CORS."""
        exchange: _Exchange = scope[_EXCHANGE]
        try:
            check_url(scope)
            check_headers(scope, exchange.headers)
            async with self._open if scope["path"].startswith(ALWAYS) else self._room:
                await self._app(scope, guard_body(exchange.headers, receive, self._limits.of(scope)), send)
        except AppError as error:
            await error_response(scope, error)(scope, receive, send)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            self._crash(error, scope["method"], route_of(scope), exchange.request_id)
            if exchange.status:
                raise  # half an answer is out: the server must cut the connection
            await crash_response(scope)(scope, receive, send)


class _Exchange:
    """One request's answer on its way out."""

    __slots__ = ("_defaults", "_id", "_names", "_send", "bodyless", "headers", "request_id", "status", "trace")

    def __init__(
        self, send: Send, headers: dict[bytes, bytes], defaults: tuple[Header, ...], names: frozenset[bytes]
    ) -> None:
        self._send = send
        self._defaults = defaults
        self._names = names
        self.headers = headers
        self._id, self.trace = identify(headers)
        self.request_id = self._id.decode()
        self.status = 0
        self.bodyless = False

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._complete(message.get("headers", ()))
        elif self.bodyless:
            message = {**message, "body": b""}
        return self._send(message)

    def _complete(self, given: list[Header]) -> list[Header]:
        """What the route set wins. A new list: routes may answer with one response object many times."""
        own = [(b"x-request-id", self._id), (b"traceparent", self.trace)]
        if b"origin" not in self.headers:  # for the others, CORS says so itself
            own.append(_VARY)
        taken = [name for name, _ in given if name in self._names]
        if not taken:
            return [*given, *self._defaults, *own]
        return [*given, *[header for header in self._defaults if header[0] not in taken], *own]


def route_of(scope: Scope) -> str:
    """The route's template, so that the log names no ids; a path no route knows is cut short."""
    context = scope.get("fastapi", {}).get("effective_route_context")
    template = getattr(context or scope.get("route"), "path", None)
    return template if isinstance(template, str) else scope["path"][:_PATH_LIMIT]


def templates(app: FastAPI) -> frozenset[str]:
    """Every template that `route_of` may answer."""
    paths = (getattr(route, "path", None) for route in app.routes)
    return frozenset(path for path in paths if path)


def _remember(scope: Scope, exchange: _Exchange) -> None:
    state = scope.setdefault("state", {})
    client = scope.get("client")
    state["headers"] = exchange.headers
    state["request_id"] = exchange.request_id
    state["traceparent"] = exchange.trace.decode()
    state["client_ip"] = client[0] if client else ""
    state["user_agent"] = exchange.headers.get(b"user-agent", b"")[:_AGENT_LIMIT].decode("latin-1").replace("\0", "")
