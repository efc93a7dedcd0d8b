"""Routes that read a file: the body as it is, of one of a few types, up to a limit of its own.

The edge guards the body before any route is found, so a route that takes files says so with `takes_file`, and the edge
asks `FileLimits` how much this request may send.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import Scope

from app.presentation.refusals import UnsupportedMediaType

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_TAKES_FILE = "_takes_file"


def takes_file(endpoint: Endpoint) -> Endpoint:
    """Put under the route's decorator."""
    setattr(endpoint, _TAKES_FILE, True)
    return endpoint


def file_body(types: Sequence[str]) -> dict[str, Any]:
    """OpenAPI's request body for one file of one of `types` (OpenAPI 3.1 section 4.8.14.2, binary content)."""
    schema = {"type": "string", "format": "binary", "minLength": 1}
    return {"required": True, "content": {name: {"schema": schema} for name in types}}


def declared_type(request: Request, types: Sequence[str]) -> str:
    """The one of `types` that the request declares; parameters are let be. Raises UnsupportedMediaType."""
    given = [value for name, value in request.scope["headers"] if name == b"content-type"]
    essence = given[0].partition(b";")[0].strip().lower().decode("latin-1") if len(given) == 1 else ""
    if essence not in types:
        raise UnsupportedMediaType(f"Send the file's own bytes with one of these Content-Types: {', '.join(types)}.")
    return essence


class FileLimits:
    """The most bytes a request's body may have: `files` where a route takes them, `others` everywhere else."""

    def __init__(self, routes: Sequence[BaseRoute], *, files: int, others: int) -> None:
        self._files, self._others = files, others
        taking = [r for r in routes if isinstance(r, APIRoute) and getattr(r.endpoint, _TAKES_FILE, False)]
        self._paths = {
            method: [route.path_regex for route in taking if method in (route.methods or ())]
            for method in {method for route in taking for method in route.methods or ()}
        }

    def of(self, scope: Scope) -> int:
        paths = self._paths.get(scope["method"])
        if paths and any(path.match(scope["path"]) for path in paths):
            return self._files
        return self._others
