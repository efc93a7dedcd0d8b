"""Rules for messages, events, errors and tables, read off the classes themselves."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, TypeVar, cast, get_type_hints
from uuid import UUID

from sqlalchemy import Table, UniqueConstraint

import app
from app.application.ports import IdSource
from app.domain.kernel import DomainEvent, RuleBroken
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.pipeline import Prepare
from app.infrastructure.database.scope import UnitOfWork
from app.presentation.problems import HTTP_STATUS
from app.shared.errors import AppError
from app.shared.ids import NOBODY, OrderId, TenantId
from app.shared.mediator import Command, Query, handled_result, result_type

T = TypeVar("T")
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
FOLDERS: Mapping[type, tuple[str, ...]] = {Command: ("commands",), Query: ("queries",)}
VERBS = frozenset(
    {
        *("accept", "activate", "add", "admit", "answer", "apply", "approve", "archive", "assign", "begin"),
        *("block", "book", "bring", "cancel", "change", "check", "claim", "clear", "close", "confirm", "copy"),
        *(
            "correct",
            "count",
            "create",
            "deactivate",
            "decline",
            "delete",
            "deliver",
            "deny",
            "disable",
            "discard",
            "draw",
        ),
        *("enable", "end", "enrol", "erase", "exchange", "expire", "export", "extend", "find", "finish", "forget"),
        *("get", "give", "grant", "hide", "hold", "import", "invite", "issue", "join", "leave", "let", "link"),
        *("list", "lock", "mark", "merge", "move", "note", "offer", "open", "pause", "pay", "place", "plan"),
        *("prepare", "print", "publish", "put", "queue", "raise", "read", "rebuild", "receive", "recheck", "record"),
        *(
            "refresh",
            "refund",
            "refuse",
            "register",
            "reject",
            "release",
            "remove",
            "rename",
            "reopen",
            "replace",
            "replay",
        ),
        *("reply", "request", "reserve", "resend", "reset", "resolve", "restore", "resume", "retry", "return"),
        *("revoke", "rotate", "run", "scan", "schedule", "seal", "search", "seat", "select", "sell", "send"),
        *("set", "show", "sign", "sort", "split", "start", "stop", "store", "submit", "suspend", "swap", "take"),
        *("tell", "transfer", "trust", "undo", "unlink", "unlock", "unpublish", "update", "upgrade", "upload"),
        *("use", "verify", "void", "wake", "withdraw", "write"),
    }
)
IRREGULAR = frozenset({"begun", "given", "held", "left", "lost", "made", "paid", "put", "sent", "set", "sold", "taken"})
ABSTRACT_ERRORS = (RuleBroken,)
"""They only give others their kind, so they have no code."""


def modules(package: ModuleType) -> list[ModuleType]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found if not module.name.endswith("__main__")]


def defined(base: type[T], package: ModuleType = app) -> list[type[T]]:
    """Classes below `base`, each where it is defined: `__subclasses__` also lists ghosts that slots leave behind."""
    found = {
        candidate
        for module in modules(package)
        for _, candidate in inspect.getmembers(module, inspect.isclass)
        if issubclass(candidate, base) and candidate is not base and candidate.__module__ == module.__name__
    }
    return sorted(found, key=lambda c: (c.__module__, c.__qualname__))


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def well_made(data: type) -> list[str]:
    """Frozen, slots, keyword-only."""
    if not dataclasses.is_dataclass(data) or "__dataclass_fields__" not in vars(data):
        return [f"{data.__name__} is no dataclass"]
    found = []
    if not data.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # typeshed leaves it out
        found.append(f"{data.__name__} is not frozen")
    if "__slots__" not in vars(data):
        found.append(f"{data.__name__} has no slots")
    if not all(field.kw_only for field in dataclasses.fields(data)):
        found.append(f"{data.__name__} takes values by position")
    return found


def says_what_it_does(message: type) -> list[str]:
    """One line. A dataclass without a docstring gets one that repeats its fields; that is none."""
    text = vars(message).get("__doc__") or ""
    if not text.strip() or text.startswith(f"{message.__name__}("):
        return [f"{message.__name__} does not say what the user gets"]
    return [f"{message.__name__} takes more than one line to say it"] if "\n" in text.strip() else []


def well_named(message: type) -> list[str]:
    """`CancelOrder` in `<context>/commands/cancel_order.py`; workflows stand in `workflows/`."""
    name, path = snake(message.__name__), message.__module__.split(".")
    verb, _, noun = name.partition("_")
    found = [] if verb in VERBS and noun else [f"{message.__name__} is not verb + noun"]
    kind = next((folder for base, (folder,) in FOLDERS.items() if issubclass(message, base)), "workflows")
    if path[-2:] != [kind, name]:
        found.append(f"{message.__name__} belongs into {kind}/{name}.py")
    return found


def rightly_handled(message: type, handler: type) -> list[str]:
    """The handler is called for its message, takes it, and answers what the message promises."""
    hints = get_type_hints(handler.handle)  # type: ignore[attr-defined]  # a handler has it
    taken = [hint for name, hint in hints.items() if name != "return"]
    found = (
        [] if handler.__name__ == f"{message.__name__}Handler" else [f"{handler.__name__}: {message.__name__}Handler"]
    )
    if taken != [message]:
        found.append(f"{handler.__name__} does not take {message.__name__}")
    if handled_result(handler) != result_type(message):
        found.append(f"{handler.__name__} answers {handled_result(handler)}, not {result_type(message)}")
    return found


def bound_once(messages: Iterable[type], bound: Iterable[type]) -> list[str]:
    """What binds twice is refused by `Routes` itself."""
    wanted, got = set(messages), set(bound)
    return [f"{m.__name__} is bound nowhere" for m in wanted - got] + [f"{m} is no message" for m in got - wanted]


def tells_what_happened(event: type[DomainEvent]) -> list[str]:
    """`OrderPlaced` is `order.placed`: context or aggregate, then a verb in the past."""
    if "type" not in vars(event):
        return [f"{event.__name__} has no type"]
    subject, _, verb = event.type.partition(".")
    found = []
    if not SNAKE.fullmatch(subject) or not SNAKE.fullmatch(verb):
        found.append(f"{event.type} is not subject.verb_past")
    last = verb.rpartition("_")[2]
    if not last.endswith("ed") and last not in IRREGULAR:
        found.append(f"{event.type} does not say what has happened")
    if f"{subject}_{verb}" != snake(event.__name__):
        found.append(f"{event.__name__} calls itself {event.type}")
    return found


def unique(names: Iterable[str]) -> list[str]:
    return [f"{name} is used {times} times" for name, times in Counter(names).items() if times > 1]


def can_be_switched_on(error: type[AppError]) -> list[str]:
    """Its own code in snake case, words for docs/ERRORS.md and OpenAPI, and a kind that has an HTTP status."""
    if error in ABSTRACT_ERRORS:
        return [] if "code" not in vars(error) else [f"{error.__name__} is abstract and has a code"]
    if "code" not in vars(error):
        return [f"{error.__name__} has no code of its own"]
    found = [] if SNAKE.fullmatch(error.code) else [f"{error.code} is not snake_case"]
    if not vars(error).get("__doc__"):
        found.append(f"{error.__name__} does not say what went wrong")
    return found if error.kind in HTTP_STATUS else [*found, f"{error.__name__} has no HTTP status"]


def belongs_to_a_tenant(table: Table) -> list[str]:
    """Primary and unique keys start with `tenant_id`; foreign keys to tenant tables are composite and start with it."""
    keys: list[tuple[str, Any]] = [("primary key", table.primary_key)]
    keys += [(str(c.name), c) for c in table.constraints if isinstance(c, UniqueConstraint)]
    found = [
        f"{table.name}: {name} does not start with tenant_id"
        for name, key in keys
        if [column.name for column in key.columns][:1] != ["tenant_id"]
    ]
    for key in table.foreign_key_constraints:
        into_tenant_table = "tenant_id" in key.referred_table.primary_key.columns
        if into_tenant_table and next(iter(key.columns)).name != "tenant_id":
            found.append(f"{table.name}: {key.name} could point at another tenant's row")
    return found


async def locks_what_it_names(message: type[Command[Any]], prepare: Prepare) -> list[str]:
    """What a batch does first locks the order each of its commands names, before any pool."""
    if "order_id" not in {field.name for field in dataclasses.fields(message)}:  # type: ignore[arg-type]  # a message is one
        return []
    seen: list[object] = []

    class Locks:
        async def fetch(self, _: str, *arguments: object) -> list[object]:
            seen.extend(arguments)
            return []

    order_id = OrderId(UUID(int=1))
    work = UnitOfWork(cast(Connection, Locks()), TenantId(NOBODY), cast(IdSource, None))
    await prepare(work, [cast(Any, message)(order_id=order_id)])
    return [] if [order_id] in seen else [f"prepare does not lock the order that {message.__name__} names"]
