"""Every operation × every kind of caller answers what permission_policy.toml says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.application.tenancy.contracts import Role
from app.main import ROUTERS, create_app
from app.presentation.dependencies import Allow, anonymous_context, joining_context
from app.presentation.operations import AUTHENTICATED, PUBLIC, X_PERMISSION, describe
from app.shared.settings import Settings
from tests.api.calls import Operation, call, operations, things_for
from tests.support.system import Organizer, Person, System

POLICY = Path(__file__).with_name("permission_policy.toml")
ROLES = {role.value: role for role in reversed(Role)}
CALLERS = ("anonymous", *ROLES, "superuser", "outsider", "outsider_naming")

Table = Mapping[str, Mapping[str, int]]


def policy() -> Table:
    table: Table = tomllib.loads(POLICY.read_text())
    return table


def missing(policy: Table, known: Iterator[Operation]) -> set[str]:
    """Operations without a line, and lines without an operation."""
    return set(policy) ^ {operation.id for operation in known}


def guards(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from guards(inner)


def unguarded(routes: list[Any]) -> list[str]:
    """Routes whose dependencies do not enforce the permission they declare."""
    return [route.operation_id or route.path for route in routes if isinstance(route, APIRoute) and not _kept(route)]


def _kept(route: APIRoute) -> bool:
    declared = (route.openapi_extra or {}).get(X_PERMISSION)
    found = list(guards(route.dependant))
    enforced = {guard.permission for guard in found if isinstance(guard, Allow)}
    if declared == PUBLIC:
        return not enforced
    if declared == AUTHENTICATED:
        return enforced == {None} or joining_context in found
    return enforced == {declared}


async def as_caller(system: System, kind: str, organizer: Organizer, other: Organizer) -> tuple[Person, dict[str, str]]:
    """Somebody new of this kind, and what they send."""
    if kind in ROLES:
        person = await system.person(organizer.tenant_id, ROLES[kind])
        return person, person.headers
    superuser = kind == "superuser"
    person = await system.person(other.tenant_id, Role.ADMIN, is_superuser=superuser)
    if kind == "anonymous":
        return person, {"X-Tenant-ID": organizer.slug}
    named = {} if kind == "outsider" else {"X-Tenant-ID": organizer.slug}
    return person, person.headers | named


@pytest.mark.parametrize("kind", CALLERS)
async def test_each_operation_answers_this_caller_as_the_policy_says(
    kind: str, system: System, organizer: Organizer, other: Organizer
) -> None:
    buyer = await system.person(organizer.tenant_id, Role.CUSTOMER)
    answered: dict[str, int] = {}
    for operation in operations(system.app):
        caller, headers = await as_caller(system, kind, organizer, other)
        things = await things_for(system, organizer, operation, caller if kind == "customer" else buyer)
        response = await call(system, operation, things, caller, headers)
        answered[operation.id] = response.status_code
    assert answered == {name: row[kind] for name, row in policy().items()}


def test_every_operation_has_a_line_for_every_caller(settings: Settings) -> None:
    assert missing(policy(), operations(create_app(settings))) == set()
    assert {tuple(row) for row in policy().values()} == {CALLERS}


def test_what_a_route_declares_is_what_its_dependencies_enforce() -> None:
    assert unguarded([route for module in ROUTERS for route in module.router.routes]) == []


def planted(permission: str | None, *, public: bool = False) -> APIRouter:
    """Says it needs something and asks for nothing."""
    router = APIRouter()

    @router.get("/planted", **describe(operation_id="planted", summary="", permission=permission, public=public))
    async def handler() -> Response:
        return Response()

    return router


def test_twin_a_new_operation_without_a_line_is_found(settings: Settings) -> None:
    app: FastAPI = create_app(settings)
    app.include_router(planted("products:write"))
    assert missing(policy(), operations(app)) == {"planted"}


def test_twin_a_line_without_an_operation_is_found(settings: Settings) -> None:
    stale = {**copy(policy()), "gone": {}}
    assert missing(stale, operations(create_app(settings))) == {"gone"}


@pytest.mark.parametrize("permission", ["products:write", None])
def test_twin_a_route_that_forgot_its_guard_is_found(permission: str | None) -> None:
    assert unguarded(list(planted(permission).routes)) == ["planted"]


def test_twin_a_route_that_declares_nothing_is_found() -> None:
    router = APIRouter()
    router.add_api_route("/planted", anonymous_context)
    assert unguarded(list(router.routes)) == ["/planted"]
