from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match, NoMatchFound, Route

from app.presentation.quick_routes import QuickRoutes, add_routers

PATHS = (
    "/api/v1/things",
    "/api/v1/things/special",
    "/api/v1/things/{thing_id}.pdf",
    "/api/v1/things/{thing_id}",
    "/api/v1/things/{thing_id}/parts/{part_id}",
    "/api/v1/{kind}/all/parts/first",
    "/api/v1/files/{name:path}",
    "/api/v1/files/{name}/about",
    "/api/v1/numbers/{n:int}",
    "/",
)


def routers() -> list[APIRouter]:
    made = []
    for path in PATHS:
        router = APIRouter()

        async def answer(request: Request) -> dict[str, Any]:
            return {"route": request.scope["route"].path, **request.path_params}

        router.add_api_route(path, answer, methods=["GET"])
        router.add_api_route(path, answer, methods=["DELETE"])
        made.append(router)
    return made


def quick() -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    add_routers(app, routers())
    return app


def included() -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    for router in routers():
        app.include_router(router)
    return app


QUICK, INCLUDED = quick(), included()


async def ask(app: FastAPI, method: str, path: str) -> tuple[int, Any]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        response = await client.request(method, path)
    return response.status_code, response.json()


SEGMENTS = st.sampled_from(
    ["api", "v1", "things", "special", "x", "x.pdf", "parts", "files", "numbers", "7", "all", ""]
)


@given(st.lists(SEGMENTS, max_size=7).map("/".join), st.sampled_from(["GET", "DELETE", "PUT"]))
async def test_a_look_up_finds_what_walking_all_routes_finds(tail: str, method: str) -> None:
    path = f"/api/v1/{tail}"
    assert await ask(QUICK, method, path) == await ask(INCLUDED, method, path)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/", {"route": "/"}),
        ("/api/v1/things", {"route": "/api/v1/things"}),
        ("/api/v1/things/special", {"route": "/api/v1/things/special"}),
        ("/api/v1/things/7", {"route": "/api/v1/things/{thing_id}", "thing_id": "7"}),
        ("/api/v1/things/7.pdf", {"route": "/api/v1/things/{thing_id}.pdf", "thing_id": "7"}),
        ("/api/v1/files/a/about", {"route": "/api/v1/files/{name:path}", "name": "a/about"}),
        ("/api/v1/numbers/7", {"route": "/api/v1/numbers/{n:int}", "n": 7}),
    ],
)
async def test_each_kind_of_pattern_is_found(path: str, answer: dict[str, Any]) -> None:
    assert await ask(QUICK, "GET", path) == (200, answer)


async def test_a_literal_segment_wins_even_when_it_comes_later() -> None:
    router = APIRouter()

    async def answer(request: Request) -> str:
        return str(request.scope["route"].path)

    router.add_api_route("/users/{user_id}", answer)
    router.add_api_route("/users/me", answer)
    app = FastAPI(openapi_url=None)
    add_routers(app, [router])
    assert await ask(app, "GET", "/users/me") == (200, "/users/me")


def scope(**given: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/api/v1/things", **given}


@pytest.mark.parametrize(
    "given_scope", [scope(type="websocket"), scope(root_path="/behind"), scope(path="/api/v1/things/")]
)
def test_what_it_cannot_look_up_is_left_to_the_other_routes(given_scope: dict[str, Any]) -> None:
    assert QUICK.router.routes[0].matches(given_scope) == (Match.NONE, {})


def test_routes_that_are_no_api_routes_are_left_alone() -> None:
    async def endpoint(request: Request) -> None:
        raise AssertionError

    routes = QuickRoutes([Route("/plain", endpoint)])
    assert routes.matches(scope(path="/plain")) == (Match.NONE, {})


def test_addresses_are_asked_from_the_routes_themselves() -> None:
    with pytest.raises(NoMatchFound):
        QuickRoutes([]).url_path_for("answer")
    assert QUICK.url_path_for("answer") == "/api/v1/things"
