"""Routes that read exactly what the contract says: one media type, strict JSON, known query parameters, each once.

`APIRouter(route_class=StrictRoute)`; the way FastAPI documents for custom requests. Query parameters of dependencies
count when they belong to the route or its router, not to `include_router`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar, get_args, get_origin

from fastapi import Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.presentation.faults import MOST_FAULTS, query_pointer
from app.presentation.refusals import UnsupportedMediaType, ValidationFailed
from app.presentation.strict_form import check_form
from app.presentation.strict_json import parse_object
from app.shared.errors import FieldFault

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Early = Callable[[Request], Response | None]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_EARLY = "_answer_early"


def early(answer: Early) -> Callable[[Endpoint], Endpoint]:
    """Put under the route's decorator: `answer` is asked first, before FastAPI solves any dependency.

    For hot pages that are in memory. It must decide all that the dependencies would (who asks, for which tenant) and
    answer None whenever it is not sure; the route then goes its whole way.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _EARLY, answer)
        return endpoint

    return mark


class StrictRequest(Request):
    """A request whose body was checked already; FastAPI reads it through these two."""

    def __init__(self, request: Request, body: bytes, document: dict[str, Any] | None) -> None:
        super().__init__(request.scope, request.receive)
        self._body = body
        self._document = document

    async def json(self) -> Any:
        return self._document


class StrictRoute(APIRoute):
    """See the module."""

    def get_route_handler(self) -> Handler:
        """FastAPI calls this once per inclusion."""
        handler = super().get_route_handler()
        single, several = _query_names(self.dependant)
        reader = _body_reader(self)
        answer: Early | None = getattr(self.endpoint, _EARLY, None)

        async def handle(request: Request) -> Response:
            if request.scope["query_string"]:
                _check_query(request, single, several)
            if answer is not None and (response := answer(request)) is not None:
                return response
            return await handler(request if reader is None else await reader(request))

        return handle


def _body_reader(route: APIRoute) -> Callable[[Request], Coroutine[Any, Any, Request]] | None:
    if route.body_field is None:
        return None
    optional = not route.body_field.field_info.is_required()

    async def read_json(request: Request) -> Request:
        body = await request.body()
        if not body and optional:
            return request
        _check_type(request, JSON)
        return StrictRequest(request, body, parse_object(body))

    async def read_form(request: Request) -> Request:
        _check_type(request, FORM)
        body = await request.body()
        check_form(body)
        return StrictRequest(request, body, None)

    return read_form if isinstance(route.body_field.field_info, params.Form) else read_json


def _check_type(request: Request, wanted: bytes) -> None:
    """Exactly one Content-Type; parameters are let be, but for a charset other than UTF-8."""
    given = [value for name, value in request.scope["headers"] if name == b"content-type"]
    if given == [wanted]:
        return
    if len(given) == 1:
        essence, _, parameters = given[0].lower().partition(b";")
        charset = parameters.partition(b"charset=")[2].strip(b' "')
        if essence.strip() == wanted and charset in (b"", b"utf-8"):
            return
    raise UnsupportedMediaType(f"Send the body as UTF-8 with `Content-Type: {wanted.decode()}`.")


def _query_names(dependant: Dependant) -> tuple[frozenset[str], frozenset[str]]:
    """The parameters that may be given once, and those that may be repeated."""
    fields = list(_query_fields(dependant))
    several = frozenset(name for name, field in fields if _is_list(field.annotation))
    return frozenset(name for name, _ in fields) - several, several


def _query_fields(dependant: Dependant) -> Iterator[tuple[str, FieldInfo]]:
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from ((_alias(name, inner), inner) for name, inner in model.model_fields.items())
        else:
            yield _alias(field.name, field.field_info), field.field_info
    for inner_dependant in dependant.dependencies:
        yield from _query_fields(inner_dependant)


def _alias(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else field.alias or name


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    return origin in (list, set, frozenset, tuple) or any(_is_list(part) for part in get_args(annotation))


def _check_query(request: Request, single: frozenset[str], several: frozenset[str]) -> None:
    seen: set[str] = set()
    faults: dict[str, FieldFault] = {}
    for name, _ in request.query_params.multi_items():
        if name in single:
            if name in seen:
                detail = "Give this parameter once."
                faults[name] = FieldFault(query_pointer(name), "repeated_parameter", detail)
            seen.add(name)
        elif name not in several:
            detail = "There is no such parameter here; leave it out."
            faults[name] = FieldFault(query_pointer(name), "unknown_parameter", detail)
    if faults:
        raise ValidationFailed(
            "Some query parameters are unknown or repeated; `errors` names each of them.",
            errors=tuple(faults.values())[:MOST_FAULTS],
        )
