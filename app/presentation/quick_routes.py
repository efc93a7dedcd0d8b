"""Finds a route by look-up instead of trying one pattern after the other.

FastAPI walks all routes for each request, and an included router's twice: with 33 routes that cost two thirds of what
a whole request to a one-route application costs. One look-up per shape of path costs under a microsecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.convertors import PathConvertor, StringConvertor
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

Mask = tuple[int, ...]
"""Which segments of a path are parameters."""


def add_routers(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Takes the routes over as they are, so each router's prefix is the whole one (`/api/v1/orders`).

    They stay in `app.routes` for everything else: OpenAPI, 404, 405, patterns that can't be looked up.
    """
    routes = [route for router in routers for route in router.routes]
    app.router.routes.append(QuickRoutes(routes))
    app.router.routes.extend(routes)


@dataclass(frozen=True, slots=True)
class _Found:
    route: APIRoute
    rivals: tuple[APIRoute, ...]
    """Routes with other patterns that came first and may match as well."""


class QuickRoutes(BaseRoute):
    """Routes whose parameters are whole segments. A literal segment wins over a parameter, whichever came first."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        rivals: tuple[APIRoute, ...] = ()
        shapes: dict[int, dict[Mask, dict[str, _Found]]] = {}
        for route in routes:
            if not isinstance(route, APIRoute):
                continue
            segments = route.path_format.split("/")
            if not _is_simple(route, segments):
                rivals = (*rivals, route)
                continue
            mask = tuple(i for i, segment in enumerate(segments) if segment.startswith("{"))
            known = shapes.setdefault(len(segments), {}).setdefault(mask, {})
            for method in route.methods or ():
                known.setdefault(_key(method, segments, mask), _Found(route, _among(rivals, segments)))
        self._shapes = {length: sorted(masks.items(), key=_parameters) for length, masks in shapes.items()}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope.get("root_path"):
            return Match.NONE, {}
        segments = scope["path"].split("/")
        for mask, known in self._shapes.get(len(segments), ()):
            found = known.get(_key(scope["method"], segments, mask))
            if found is not None and all(values := [segments[i] for i in mask]):
                return _match(found, values, scope)
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].app(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The routes themselves, further down in the application's list, know that."""
        raise NoMatchFound(name, path_params)


def _match(found: _Found, values: list[str], scope: Scope) -> tuple[Match, Scope]:
    for rival in found.rivals:
        match, child_scope = rival.matches(scope)
        if match is Match.FULL:
            return match, child_scope
    route = found.route
    path_params = dict(zip(route.param_convertors, values, strict=True))
    return Match.FULL, {"endpoint": route.endpoint, "path_params": path_params, "route": route}


def _among(rivals: tuple[APIRoute, ...], segments: list[str]) -> tuple[APIRoute, ...]:
    """Those that may match what `segments` matches; when in doubt, they are asked."""
    return tuple(rival for rival in rivals if _overlap(rival, segments))


def _overlap(rival: APIRoute, segments: list[str]) -> bool:
    theirs = rival.path_format.split("/")
    if any(isinstance(convertor, PathConvertor) for convertor in rival.param_convertors.values()):
        return True
    return len(theirs) == len(segments) and all(
        a == b or "{" in a or "{" in b for a, b in zip(theirs, segments, strict=True)
    )


def _key(method: str, segments: list[str], mask: Mask) -> str:
    shape = list(segments)
    for i in mask:
        shape[i] = ""
    return method + "/".join(shape)


def _parameters(item: tuple[Mask, dict[str, _Found]]) -> int:
    return len(item[0])


def _is_simple(route: APIRoute, segments: list[str]) -> bool:
    """Each parameter is of the default kind and alone in its segment."""
    alone = [segment for segment in segments if segment.startswith("{") and segment.endswith("}")]
    named = "".join(alone).count("{") == len(alone) == "".join(segments).count("{")
    return named and all(type(convertor) is StringConvertor for convertor in route.param_convertors.values())
