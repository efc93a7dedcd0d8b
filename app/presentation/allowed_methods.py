"""Which methods an address knows: all of them, where Starlette names those of the first matching route only."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Scope

_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """For the Allow header of a 405 (RFC 9110 section 10.2.1). HEAD goes wherever GET does."""
    known: set[str] = set()
    for route in iter_route_contexts(app.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(scope["path"]):
            known |= set(route.methods or ())
    if "GET" in known:
        known.add("HEAD")
    return [method for method in _ORDER if method in known]
