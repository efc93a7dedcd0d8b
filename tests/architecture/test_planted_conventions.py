"""Each convention is seen to fail: one violation per rule, planted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from sqlalchemy import Column, ForeignKeyConstraint, Integer, MetaData, Table, UniqueConstraint

from app.application.ordering.commands.confirm_order import ConfirmOrder
from app.domain.kernel import DomainEvent
from app.infrastructure.database.dispatch import Routes
from app.infrastructure.database.scope import UnitOfWork
from app.shared.errors import AppError
from app.shared.mediator import Command, Message
from tests.architecture import message_rules as classes
from tests.architecture import source_rules as rules
from tests.architecture.aggregate_rules import state_changes_are_events
from tests.architecture.sources import Source, planted


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantThing(Command[int]):
    """Plant one thing."""

    depth: int


class PlantThingHandler:
    async def handle(self, command: PlantThing) -> int:
        return command.depth


@dataclass
class Thing(Command[int]):
    depth: int


class WrongHandler:
    async def handle(self, command: Thing) -> str:
        return str(command.depth)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingPlanted(DomainEvent):
    type: ClassVar[str] = "thing.planted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantsThing(DomainEvent):
    type: ClassVar[str] = "thing.plant"


class Untyped(DomainEvent):
    pass


class _WithoutCode(AppError):
    """Has none."""


class _WithoutWords(AppError):
    code = "without_words"


class _CamelCode(AppError):
    """Has a hump."""

    code = "camelCode"


class _NoKind(AppError):
    """Has another kind."""

    code = "no_kind"
    kind = "lost"  # type: ignore[assignment]  # the violation


def aggregate(body: str) -> Source:
    indented = "\n".join(f"        {line}" for line in body.splitlines())
    return planted(
        "class Thing(AggregateRoot):\n"
        f"    def change(self, value):\n{indented}\n"
        "    def _happened(self, event):\n        self._apply(event)\n        self._record(event)\n"
        "    @singledispatchmethod\n    def _apply(self, event):\n        raise TypeError\n"
        "    @_apply.register\n    def _(self, event: Changed):\n        self.value = event.value\n"
        "    def _quietly(self, value):\n        self.value = value\n"
    )


SOURCES: tuple[tuple[Callable[[Source], list[str]], Source], ...] = (
    (rules.short_enough, planted("x = 1\n" * 301)),
    (rules.short_enough, planted("def long():\n" + "    x = 1\n" * 50)),
    (rules.telling_name, planted("", "app/domain/ordering/order_utils.py")),
    (rules.telling_name, planted("", "app/infrastructure/common/rows.py")),
    (rules.pure, planted("from datetime import datetime\nnow = datetime.now()")),
    (rules.pure, planted("from uuid import uuid4\nid = uuid4()")),
    (rules.pure, planted("import logging")),
    (rules.pure, planted("async def handle():\n    from urllib.request import urlopen")),
    (rules.leaves_the_transaction_alone, planted("async def handle(self):\n    await self.scope.commit()")),
    (rules.leaves_the_transaction_alone, planted("async def handle(self):\n    order.status = 1")),
    (rules.leaves_the_transaction_alone, planted("async def handle(self):\n    a, order.status = 1, 2")),
    (rules.leaves_the_transaction_alone, planted("async def handle(self):\n    pool.held += 1")),
    (rules.leaves_status_to_problems, planted("STATUS = {Kind.INVALID: 422}")),
    (rules.leaves_status_to_problems, planted("if error.kind is Kind.CONFLICT:\n    pass")),
    (rules.asks_only_the_mediator, planted("from app.infrastructure.ordering.repository import order_of")),
    (rules.asks_only_the_mediator, planted("from app.application.x import PlaceOrderHandler")),
    (rules.asks_only_the_mediator, planted("async def route():\n    await connection.fetch('SELECT 1')")),
    (state_changes_are_events, aggregate("self.value = value")),
    (state_changes_are_events, aggregate("self.value += value")),
    (state_changes_are_events, aggregate("setattr(self, 'value', value)")),
    (state_changes_are_events, aggregate("self._quietly(value)")),
    (state_changes_are_events, aggregate("self._apply(value)")),
    (state_changes_are_events, aggregate("self._record(value)\nself.value = value")),
    (state_changes_are_events, aggregate("self.value = value\nif value:\n    self._record(value)")),
    (state_changes_are_events, aggregate("if value:\n    self.value = value\nelse:\n    self._record(value)")),
)


@pytest.mark.parametrize(("rule", "source"), SOURCES)
def test_planted_source_is_caught(rule: Callable[[Source], list[str]], source: Source) -> None:
    assert len(rule(source)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "self._happened(value)",
        "self.value = value\nself._record(value)",
        "if value:\n    self.value = value\n    self._record(value)",
        "with value:\n    self.value = value\nself._record(value)",
        "return self.value",
    ],
)
def test_an_aggregate_that_records_is_left_alone(body: str) -> None:
    assert state_changes_are_events(aggregate(body)) == []


def test_a_kind_an_error_gives_itself_is_left_alone() -> None:
    source = planted("class Gone(AppError):\n    kind = Kind.NOT_FOUND\n    other: ClassVar[Kind] = 1\n")
    assert rules.leaves_status_to_problems(source) == []


def test_a_message_that_is_not_well_made_is_caught() -> None:
    assert len(classes.well_made(Thing)) == 3
    assert len(classes.well_made(Untyped)) == 1
    assert classes.well_made(PlantThing) == []


def test_a_message_without_words_is_caught() -> None:
    wordy = type("Wordy", (Command,), {"__doc__": "First.\n\nSecond."})
    assert [classes.says_what_it_does(message) for message in (Thing, wordy, PlantThing)] == [
        ["Thing does not say what the user gets"],
        ["Wordy takes more than one line to say it"],
        [],
    ]


@pytest.mark.parametrize(
    ("name", "module", "complaints"),
    [
        ("CancelOrder", "app.application.ordering.commands.cancel_order", 0),
        ("OrderCancellation", "app.application.ordering.commands.order_cancellation", 1),
        ("Cancel", "app.application.ordering.commands.cancel", 1),
        ("CancelOrder", "app.application.ordering.commands.cancelling", 1),
        ("CancelOrder", "app.application.ordering.queries.cancel_order", 1),
    ],
)
def test_a_message_that_is_not_well_named_is_caught(name: str, module: str, complaints: int) -> None:
    assert len(classes.well_named(type(name, (Command,), {"__module__": module}))) == complaints


def test_a_handler_of_something_else_is_caught() -> None:
    assert len(classes.rightly_handled(PlantThing, WrongHandler)) == 3
    assert classes.rightly_handled(PlantThing, PlantThingHandler) == []


def test_a_message_that_is_bound_nowhere_or_twice_is_caught() -> None:
    assert classes.bound_once([PlantThing], []) == ["PlantThing is bound nowhere"]
    assert len(classes.bound_once([], [PlantThing])) == 1
    routes = Routes()
    routes.command(PlantThing, lambda _: PlantThingHandler())
    with pytest.raises(ValueError, match="bound twice"):
        routes.command(PlantThing, lambda _: PlantThingHandler())
    with pytest.raises(TypeError, match="is no Query"):
        Routes().query(PlantThing, lambda _: PlantThingHandler())


async def test_a_lane_that_forgets_an_order_is_caught() -> None:
    async def locks_nothing(work: UnitOfWork, messages: Sequence[Message[Any]]) -> None:
        pass

    assert len(await classes.locks_what_it_names(ConfirmOrder, locks_nothing)) == 1
    assert await classes.locks_what_it_names(PlantThing, locks_nothing) == []


@pytest.mark.parametrize(("event", "complaints"), [(ThingPlanted, 0), (PlantsThing, 2), (Untyped, 1)])
def test_an_event_that_is_not_in_the_past_is_caught(event: type[DomainEvent], complaints: int) -> None:
    assert len(classes.tells_what_happened(event)) == complaints


def test_an_event_whose_type_is_no_pair_is_caught() -> None:
    shouted: Any = type("ThingPlanted", (DomainEvent,), {"type": "Thing.planted"})
    assert "Thing.planted is not subject.verb_past" in classes.tells_what_happened(shouted)


def test_a_name_used_twice_is_caught() -> None:
    assert classes.unique(["sold_out", "gone", "sold_out"]) == ["sold_out is used 2 times"]


@pytest.mark.parametrize("error", [_WithoutCode, _WithoutWords, _CamelCode, _NoKind])
def test_an_error_nobody_can_switch_on_is_caught(error: type[AppError]) -> None:
    assert len(classes.can_be_switched_on(error)) == 1


def test_an_abstract_error_with_a_code_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classes, "ABSTRACT_ERRORS", (_CamelCode,))
    assert len(classes.can_be_switched_on(_CamelCode)) == 1


def test_a_table_that_could_mix_tenants_is_caught() -> None:
    metadata = MetaData()
    Table("things", metadata, Column("tenant_id", Integer, primary_key=True), Column("id", Integer, primary_key=True))
    parts = Table(
        "parts",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("tenant_id", Integer),
        Column("thing_id", Integer),
        UniqueConstraint("id", name="uq_parts_id"),
        ForeignKeyConstraint(["thing_id", "tenant_id"], ["things.id", "things.tenant_id"], name="fk_parts_thing"),
    )
    assert classes.belongs_to_a_tenant(parts) == [
        "parts: primary key does not start with tenant_id",
        "parts: uq_parts_id does not start with tenant_id",
        "parts: fk_parts_thing could point at another tenant's row",
    ]
    assert classes.belongs_to_a_tenant(metadata.tables["things"]) == []
