from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from app.infrastructure.database.dispatch import Routes
from app.shared.mediator import Command, Query, Workflow


@dataclass(frozen=True, slots=True)
class Do(Command[None]):
    """Something."""


@dataclass(frozen=True, slots=True)
class Ask(Query[None]):
    """Something."""


@dataclass(frozen=True, slots=True)
class Work(Workflow[None]):
    """Something."""


def nobody(_: object) -> Any:
    raise AssertionError("nothing is sent here")


def test_each_kind_of_message_is_bound_once() -> None:
    routes = Routes()
    routes.command(Do, nobody)
    routes.query(Ask, nobody)
    routes.workflow(Work, nobody)

    assert routes.bound == {Do, Ask, Work}
    with pytest.raises(ValueError, match="Do is bound twice"):
        routes.command(Do, nobody)


def test_a_message_of_another_kind_is_refused() -> None:
    routes = Routes()
    with pytest.raises(TypeError, match="Ask is no Command"):
        routes.command(Ask, nobody)
    with pytest.raises(TypeError, match="Do is no Query"):
        routes.query(Do, nobody)
    with pytest.raises(TypeError, match="Do is no Workflow"):
        routes.workflow(Do, nobody)


def test_a_command_with_a_preparation_joins_its_lane() -> None:
    async def prepare(*_: object) -> None: ...

    routes = Routes()
    routes.command(Do, nobody, prepare=prepare)

    assert routes.lanes == {Do: prepare}
