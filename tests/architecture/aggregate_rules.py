"""An aggregate's state changes only together with an event: read off the source of its class."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.architecture.sources import Function, Source, classes, functions, names_of

RECORD = "_record"


@dataclass(frozen=True)
class _Aggregate:
    """Its methods by name. Overloads registered with `singledispatchmethod` count as one."""

    methods: dict[str, list[Function]]

    def changes(self, node: ast.AST, seen: frozenset[str] = frozenset()) -> bool:
        """Whether `node` sets an attribute of self, itself or through a method of the same class."""
        if any(_sets_self(part) for part in ast.walk(node)):
            return True
        return any(self.changes(method, seen | {name}) for name, method in self._called(node, seen))

    def records(self, node: ast.AST, seen: frozenset[str] = frozenset()) -> bool:
        """Whether `node` records an event, itself or through a method of the same class."""
        if RECORD in _self_calls(node):
            return True
        return any(self.records(method, seen | {name}) for name, method in self._called(node, seen))

    def _called(self, node: ast.AST, seen: frozenset[str]) -> Iterator[tuple[str, Function]]:
        for name in _self_calls(node) - seen:
            yield from ((name, method) for method in self.methods.get(name, ()))


def state_changes_are_events(source: Source) -> list[str]:
    """After each statement that changes state, the same block or one around it records an event."""
    found = []
    for node in classes(source.tree):
        if not any(isinstance(base, ast.Name) and base.id == "AggregateRoot" for base in node.bases):
            continue
        aggregate = _Aggregate(_methods(node))
        for method in functions(node):
            if not method.name.startswith("_") and not names_of(method) & {"classmethod", "staticmethod", "property"}:
                found += [
                    source.at(statement, f"{node.name}.{method.name} changes state and records no event")
                    for statement in _silent(aggregate, method.body, covered=False)
                ]
    return found


def _methods(node: ast.ClassDef) -> dict[str, list[Function]]:
    methods: dict[str, list[Function]] = {}
    for method in functions(node):
        registered = [d.value.id for d in method.decorator_list if _registers(d)]  # type: ignore[attr-defined]  # _registers looked
        methods.setdefault(registered[0] if registered else method.name, []).append(method)
    return methods


def _registers(decorator: ast.expr) -> bool:
    return (
        isinstance(decorator, ast.Attribute) and decorator.attr == "register" and isinstance(decorator.value, ast.Name)
    )


def _silent(aggregate: _Aggregate, block: Sequence[ast.stmt], *, covered: bool) -> Iterator[ast.stmt]:
    """Statements of `block` that change state without an event after them. `covered`: an outer block records one."""
    for number, statement in enumerate(block):
        heard = covered or any(_records_surely(aggregate, later) for later in block[number:])
        inner = _blocks(statement)
        for part in inner:
            yield from _silent(aggregate, part, covered=heard)
        if not inner and not heard and aggregate.changes(statement):
            yield statement


def _records_surely(aggregate: _Aggregate, statement: ast.stmt) -> bool:
    """A branch may not be taken, so what only a branch records does not count for what stands before it."""
    return not _blocks(statement) and aggregate.records(statement)


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    found = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    found += [handler.body for handler in getattr(statement, "handlers", [])]
    found += [case.body for case in getattr(statement, "cases", [])]
    return [block for block in found if block]


def _self_calls(node: ast.AST) -> set[str]:
    return {
        part.func.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and isinstance(part.func.value, ast.Name)
        and part.func.value.id == "self"
    }


def _sets_self(node: ast.AST) -> bool:
    """`self.x = …`, `self.x += …`, `del self.x` and `setattr(self, …)`."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        return isinstance(node.value, ast.Name) and node.value.id == "self"
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr"
    return called and isinstance(node, ast.Call) and ast.unparse(node.args[0]) == "self"
