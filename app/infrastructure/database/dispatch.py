"""Bindings of messages to handlers, composed once at start-up into the mediator's chains."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from app.application.events import Policy, Process
from app.application.ports import Clock, IdSource
from app.application.signals import Signals
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.lane import Lane
from app.infrastructure.database.pipeline import MakeHandler, Pipeline, Prepare
from app.infrastructure.database.pool import Database
from app.infrastructure.database.reader import Reader
from app.infrastructure.database.scope import Scope
from app.shared.errors import AppError
from app.shared.mediator import Command, Envelope, Handler, Mediator, Message, Query, Run, Sender, Workflow

M = TypeVar("M", bound=Message[Any])


Audience = Callable[[Connection, Sequence[UUID]], Awaitable[Collection[UUID]]]
"""Those of the given tenants whose events a subscriber has any use for. The worker's role asks, after the events were
committed, so whoever asked for events before that is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Reacts to the named types of event; exactly one of `policy` and `process` is given."""

    types: frozenset[str]
    audience: Audience | None = None
    policy: Callable[[Scope], Policy] | None = None
    process: Callable[[Sender], Process] | None = None


@dataclass(slots=True)
class Routes:
    """Each context adds its own in `infrastructure/<context>/wiring.py`. A second binding is a ValueError."""

    commands: dict[type, MakeHandler] = field(default_factory=dict)
    lanes: dict[type, Prepare] = field(default_factory=dict)
    queries: dict[type, Callable[[Reader], Handler[Any, Any]]] = field(default_factory=dict)
    workflows: dict[type, Callable[[Sender], Handler[Any, Any]]] = field(default_factory=dict)
    constraints: dict[str, AppError] = field(default_factory=dict)
    made_anew: set[str] = field(default_factory=set)
    subscribers: dict[str, Subscriber] = field(default_factory=dict)

    def command(
        self, message: type[M], make: Callable[[Scope], Handler[M, Any]], prepare: Prepare | None = None
    ) -> None:
        """With `prepare` the command joins the lane of all commands that share it, and commits with them."""
        self._once(message, Command)
        self.commands[message] = make
        if prepare is not None:
            self.lanes[message] = prepare

    def query(self, message: type[M], make: Callable[[Reader], Handler[M, Any]]) -> None:
        self._once(message, Query)
        self.queries[message] = make

    def workflow(self, message: type[M], make: Callable[[Sender], Handler[M, Any]]) -> None:
        self._once(message, Workflow)
        self.workflows[message] = make

    def policy(
        self,
        name: str,
        types: Collection[str],
        make: Callable[[Scope], Policy],
        *,
        audience: Audience | None = None,
    ) -> None:
        """`name` is the subscriber's for ever: its queue and its inbox rows are found by it. `{"*"}`: every type."""
        self._subscribe(name, Subscriber(types=frozenset(types), policy=make, audience=audience))

    def process(self, name: str, types: Collection[str], make: Callable[[Sender], Process]) -> None:
        """Like `policy`, for reactions that send commands or leave the system."""
        self._subscribe(name, Subscriber(types=frozenset(types), process=make))

    def _subscribe(self, name: str, subscriber: Subscriber) -> None:
        if name in self.subscribers:
            raise ValueError(f"two subscribers are called {name}")
        self.subscribers[name] = subscriber

    def constraint(self, name: str, error: AppError) -> None:
        """What a caller is told when the database refuses a row by this constraint."""
        self.constraints[name] = error

    def repeat_on(self, name: str) -> None:
        """A handler makes up what this constraint keeps unique: after a clash it runs again and makes another."""
        self.made_anew.add(name)

    @property
    def bound(self) -> set[type]:
        return {*self.commands, *self.queries, *self.workflows}

    def _once(self, message: type, kind: type) -> None:
        if message in self.bound:
            raise ValueError(f"{message.__name__} is bound twice")
        if not issubclass(message, kind):
            raise TypeError(f"{message.__name__} is no {kind.__name__}")


def build_mediator(
    routes: Routes, database: Database, clock: Clock, ids: IdSource, signals: Signals, *, max_queued: int
) -> Mediator:
    pipeline = Pipeline(database, routes.commands, routes.constraints, routes.made_anew, clock, ids, signals)
    runs: dict[type, Run] = dict.fromkeys(routes.commands, pipeline.run_one)
    for prepare in set(routes.lanes.values()):
        lane = _lane(pipeline, prepare, max_queued)
        runs |= {message: lane.submit for message, wanted in routes.lanes.items() if wanted is prepare}
    runs |= {message: _reading(make, database) for message, make in routes.queries.items()}
    mediator = Mediator(runs)
    runs |= {message: _working(make, mediator) for message, make in routes.workflows.items()}
    return mediator


def _lane(pipeline: Pipeline, prepare: Prepare, max_queued: int) -> Lane:
    return Lane(lambda envelopes: pipeline.run_many(envelopes, prepare), max_queued=max_queued)


def _reading(make: Callable[[Reader], Handler[Any, Any]], database: Database) -> Run:
    async def run(envelope: Envelope) -> Any:
        return await make(Reader(database, envelope.context)).handle(envelope.message)

    return run


def _working(make: Callable[[Sender], Handler[Any, Any]], mediator: Mediator) -> Run:
    async def run(envelope: Envelope) -> Any:
        return await make(Sender(mediator, envelope.context)).handle(envelope.message)

    return run
