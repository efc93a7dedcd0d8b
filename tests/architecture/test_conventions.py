"""The code keeps the conventions of docs/CODING_STANDARDS.md. That each rule can fail: test_planted_conventions.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

import app.application
import app.domain
from app.container import bind_all, build_container
from app.domain.kernel import DomainEvent
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.pool import Database
from app.infrastructure.database.reader import Reader
from app.infrastructure.database.scope import Scope, UnitOfWork
from app.infrastructure.rows import metadata
from app.main import create_app
from app.presentation.operations import X_PERMISSION
from app.presentation.problems import HTTP_STATUS
from app.shared.errors import AppError, Kind
from app.shared.ids import NOBODY, TenantId
from app.shared.mediator import Mediator, Message, Query, Sender, Workflow
from app.shared.settings import Settings
from app.shared.tenant_context import system_context
from tests.architecture import message_rules as classes
from tests.architecture import source_rules as rules
from tests.architecture.aggregate_rules import state_changes_are_events
from tests.architecture.sources import Source, sources

MESSAGES = [m for m in classes.defined(Message, app.application) if m not in (Query, Workflow)]
EVENTS: list[type[DomainEvent]] = classes.defined(DomainEvent, app.domain)
ERRORS: list[type[AppError]] = classes.defined(AppError)
TABLES = list(metadata.tables.values())
CODE = sources("app", "tools")
GLOBAL_TABLES = {"tenants", "users", "credentials", "leases", "workers", "schedules"}
"""Who there is; row-level security reaches them through memberships (docs/decisions/0005). And who works on what."""


def complaints(rule: Callable[[Source], list[str]], *folders: str, but: tuple[str, ...] = ()) -> list[str]:
    found = [source for source in CODE if source.path.startswith(folders) and source.path not in but]
    assert found, "a rule over nothing proves nothing"
    return [complaint for source in found for complaint in rule(source)]


@pytest.fixture
def routes(settings: Settings) -> Routes:
    """Every binding of the real composition root, without a database."""
    return bind_all(build_container(settings, Addresses(app="", worker="", read="")))


@pytest.fixture
def api(settings: Settings) -> FastAPI:
    return create_app(settings)


def handler_of(message: type, routes: Routes) -> type:
    nobody = system_context(TenantId(NOBODY), "test")
    if message in routes.commands:
        work = UnitOfWork(cast(Connection, None), TenantId(NOBODY), cast(Any, None))
        return type(routes.commands[message](Scope(work, nobody)))
    if message in routes.queries:
        return type(routes.queries[message](Reader(cast(Database, None), nobody)))
    return type(routes.workflows[message](Sender(Mediator({}), nobody)))


def test_the_suite_sees_what_it_judges() -> None:
    assert (len(MESSAGES) >= 28, len(EVENTS) >= 17, len(ERRORS) >= 30, len(TABLES) >= 12) == (True,) * 4


def test_every_message_is_bound_once(routes: Routes) -> None:
    assert classes.bound_once(MESSAGES, routes.bound) == []


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
def test_a_message_is_frozen_named_and_described(message: type) -> None:
    assert [*classes.well_made(message), *classes.well_named(message), *classes.says_what_it_does(message)] == []


def test_every_handler_answers_what_its_message_promises(routes: Routes) -> None:
    found = [complaint for m in MESSAGES for complaint in classes.rightly_handled(m, handler_of(m, routes))]
    assert found == []


async def test_a_batch_locks_the_orders_its_commands_name_before_any_pool(routes: Routes) -> None:
    assert len(routes.lanes) >= 4
    assert [c for m, prepare in routes.lanes.items() for c in await classes.locks_what_it_names(m, prepare)] == []


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.__name__)
def test_an_event_says_what_has_happened(event: type[DomainEvent]) -> None:
    assert [*classes.well_made(event), *classes.tells_what_happened(event)] == []


def test_event_types_are_unique() -> None:
    assert classes.unique(event.type for event in EVENTS) == []


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: e.__name__)
def test_an_error_can_be_switched_on(error: type[AppError]) -> None:
    assert classes.can_be_switched_on(error) == []


def test_error_codes_are_unique() -> None:
    assert classes.unique(error.code for error in ERRORS if "code" in vars(error)) == []


def test_every_kind_has_a_status() -> None:
    assert set(HTTP_STATUS) == set(Kind)


def test_every_table_belongs_to_a_tenant_or_is_known_to_be_global() -> None:
    assert {table.name for table in TABLES if classes.belongs_to_a_tenant(table)} == GLOBAL_TABLES


def test_every_operation_names_its_permission(api: FastAPI) -> None:
    operations = [
        (f"{method} {path}", operation)
        for path, item in api.openapi()["paths"].items()
        for method, operation in item.items()
    ]
    routed = sum(
        len(route.methods or ()) for route in api.routes if isinstance(route, APIRoute) and route.include_in_schema
    )
    assert len(operations) == routed >= 25
    assert [name for name, operation in operations if not operation.get(X_PERMISSION)] == []


def test_files_and_functions_are_short() -> None:
    assert complaints(rules.short_enough, "app/", "tools/") == []


def test_no_module_is_named_for_being_useful() -> None:
    assert complaints(rules.telling_name, "app/", "tools/") == []


def test_the_core_is_pure() -> None:
    assert complaints(rules.pure, "app/domain/", "app/application/") == []


def test_handlers_leave_the_transaction_alone() -> None:
    assert complaints(rules.leaves_the_transaction_alone, "app/application/") == []


def test_aggregates_change_state_only_with_an_event() -> None:
    assert complaints(state_changes_are_events, "app/domain/") == []


def test_only_problems_knows_what_a_kind_means_in_http() -> None:
    assert complaints(rules.leaves_status_to_problems, "app/", but=("app/presentation/problems.py",)) == []


def test_routes_ask_only_the_mediator() -> None:
    assert complaints(rules.asks_only_the_mediator, "app/presentation/") == []
