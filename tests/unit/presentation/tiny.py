"""A small application with every part of the edge and no database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import httpx
from fastapi import APIRouter, FastAPI, Form, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.presentation.docs import add_docs
from app.presentation.middleware.edge import add_edge
from app.presentation.openapi import finish_openapi
from app.presentation.operations import describe
from app.presentation.problems import add_error_handlers
from app.presentation.quick_routes import add_routers
from app.presentation.strict_route import StrictRoute
from app.shared.errors import AppError, Kind, StaleVersion
from app.shared.ids import TenantId
from app.shared.settings import Settings
from app.shared.tenant_context import RequestContext, request_context

TENANT = TenantId(UUID(int=7))
THINGS = "/api/v1/things"
CANARY = "canary-4f1d0f2e"


class NoSuchThing(AppError):
    """There is no such thing for you."""

    code = "no_such_thing"
    kind = Kind.NOT_FOUND


class Price(BaseModel):
    model_config = ConfigDict(extra="forbid")
    amount: Annotated[int, Field(strict=True, ge=0)]


class ThingIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=20)]
    price: Price
    tags: Annotated[list[str], Field(max_length=3)] = []


class ThingView(BaseModel):
    name: str


class NoteIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str | None = None


class Accessed(NamedTuple):
    method: str
    route: str
    status: int
    milliseconds: float
    request_id: str
    tenant: TenantId | None


@dataclass
class FakeLog:
    lines: list[Accessed] = field(default_factory=list)
    crashes: list[tuple[Exception, str, str, str]] = field(default_factory=list)

    def access(
        self, method: str, route: str, status: int, milliseconds: float, request_id: str, tenant: TenantId | None
    ) -> None:
        self.lines.append(Accessed(method, route, status, milliseconds, request_id, tenant))

    def crash(self, error: Exception, method: str, route: str, request_id: str) -> None:
        self.crashes.append((error, method, route, request_id))


@dataclass
class FakeMeter:
    in_flight: int = 0
    ended: list[tuple[str, str, int]] = field(default_factory=list)

    def begin(self) -> None:
        self.in_flight += 1

    def end(self, method: str, route: str, status: int, milliseconds: float) -> None:
        self.in_flight -= 1
        self.ended.append((method, route, status))


router = APIRouter(prefix=THINGS, tags=["things"], route_class=StrictRoute)
THING = {"name": "Poster"}


@router.get(
    "",
    **describe(
        operation_id="list_things",
        summary="List things",
        permission="things:read",
        public=True,
        view=ThingView,
        response_example=THING,
    ),
)
async def list_things(
    limit: Annotated[int, Query(ge=1, le=100)] = 25, tag: Annotated[list[str] | None, Query()] = None
) -> Response:
    return Response(b"{}", media_type="application/json")


@router.post(
    "",
    **describe(
        operation_id="make_thing",
        summary="Make a thing",
        permission="things:write",
        status=201,
        view=ThingView,
        etag=True,
        request_example={"name": "Poster", "price": {"amount": 1}},
        response_example=THING,
    ),
)
async def make_thing(request: Request, body: ThingIn) -> Response:
    assert await request.body()
    return Response(body.model_dump_json(), 201, {"location": "/api/v1/things/1"}, media_type="application/json")


@router.get(
    "/{thing_id}",
    **describe(
        operation_id="get_thing",
        summary="Read a thing",
        permission="things:read",
        view=ThingView,
        not_found=NoSuchThing,
        etag=True,
        response_example=THING,
    ),
)
async def get_thing(request: Request, thing_id: UUID) -> Response:
    if thing_id.int:
        raise NoSuchThing("There is no such thing for you.")
    request_context.set(RequestContext(tenant_id=TENANT))
    seen = {name: request.scope["state"][name] for name in ("request_id", "traceparent", "client_ip", "user_agent")}
    return Response(httpx.Request("POST", "http://x", json=seen).content, 200, {"cache-control": "private, no-cache"})


@router.delete(
    "/{thing_id}",
    **describe(
        operation_id="delete_thing",
        summary="Delete a thing",
        permission="things:write",
        status=204,
        not_found=NoSuchThing,
        errors=(StaleVersion,),
    ),
)
async def delete_thing(thing_id: UUID) -> Response:
    return Response(status_code=204)


@router.put(
    "/{thing_id}/note",
    **describe(operation_id="put_note", summary="Note", permission=None, status=204, errors=(StaleVersion,)),
)
async def put_note(thing_id: UUID, body: NoteIn) -> Response:
    return Response(status_code=204)


@router.post(
    "/{thing_id}/cancel",
    **describe(operation_id="cancel_thing", summary="Cancel", permission=None, view=ThingView, response_example=THING),
)
async def cancel_thing(thing_id: UUID, body: NoteIn | None = None) -> Response:
    return Response(b"{}", media_type="application/json")


auth = APIRouter(prefix="/api/v1/auth", tags=["auth"], route_class=StrictRoute)


@auth.post(
    "/token",
    **describe(
        operation_id="issue_token",
        summary="Sign in",
        permission=None,
        public=True,
        view=ThingView,
        secret=True,
        request_example={"username": "ada@example.com", "password": "correct horse battery"},
    ),
)
async def issue_token(
    username: Annotated[str, Form()], password: Annotated[str, Form(max_length=256)], scope: Annotated[str, Form()] = ""
) -> Response:
    return Response(b'{"access_token":"a.b.c","token_type":"bearer","expires_in":900}', media_type="application/json")


plain = APIRouter(prefix="/plain")


@plain.get("/crash", include_in_schema=False)
async def crash() -> Response:
    raise ZeroDivisionError(CANARY)


@plain.get("/half", include_in_schema=False)
async def half() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise ZeroDivisionError(CANARY)

    return _Streamed(chunks())


class _Streamed(Response):
    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        super().__init__()
        self.chunks = chunks

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


def settings(**given: Any) -> Settings:
    return Settings.model_validate({"max_body_bytes": 10_000, **given})


def build(log: FakeLog | None = None, meter: FakeMeter | None = None, **given: Any) -> FastAPI:
    made = settings(**given)
    app = FastAPI(title="Tiny", version="1", openapi_url=None)
    add_routers(app, [router, auth, plain])
    add_error_handlers(app)
    finish_openapi(app)
    add_docs(app, made)
    add_edge(app, made, log or FakeLog(), meter or FakeMeter())
    return app


def client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://tiny.test")


async def ask(app: FastAPI, method: str, path: str, **given: Any) -> httpx.Response:
    async with client(app) as asking:
        return await asking.request(method, path, **given)


async def run_raw(app: FastAPI, receive: Any, **given: Any) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": THINGS,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        **given,
    }
    await app(scope, receive, send)
    return sent
