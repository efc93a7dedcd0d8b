"""Rules that are read off the source. Each answers with complaints, none when the source keeps it."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

from tests.architecture.sources import Source, dotted, functions, imported

MOST_LINES = 300
MOST_FUNCTION_LINES = 50
VAGUE = frozenset({"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"})
IMPURE_MODULES = frozenset(
    {
        *(
            "asyncio",
            "concurrent",
            "ftplib",
            "http",
            "logging",
            "multiprocessing",
            "os",
            "pathlib",
            "random",
            "secrets",
        ),
        *(
            "select",
            "signal",
            "smtplib",
            "socket",
            "sqlite3",
            "ssl",
            "subprocess",
            "sys",
            "threading",
            "time",
            "urllib",
        ),
        *("io", "shutil", "tempfile", "warnings", "xmlrpc"),
    }
)
IMPURE_CALLS = frozenset(
    {
        *("date.today", "datetime.now", "datetime.today", "datetime.utcnow", "open", "print", "uuid1", "uuid4"),
        *("uuid.uuid1", "uuid.uuid4", "input", "exec", "eval", "__import__"),
    }
)
PIPELINE_CALLS = frozenset({"commit", "rollback", "flush", "execute", "fetch", "fetchrow", "begin"})


def short_enough(source: Source) -> list[str]:
    """Files up to 300 lines, functions up to 50, decorators not counted."""
    lines = len(source.text.splitlines())
    found = [f"{source.path}: {lines} lines; split it by aggregate or message"] if lines > MOST_LINES else []
    return found + [
        source.at(function, f"{function.name} has {lines} lines")
        for function in functions(source.tree)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > MOST_FUNCTION_LINES
    ]


def telling_name(source: Source) -> list[str]:
    """No module or package is named for being useful."""
    parts = PurePosixPath(source.path).with_suffix("").parts
    return [f"{source.path}: say what it is about, not {part}" for part in parts if VAGUE & set(part.split("_"))]


def pure(source: Source) -> list[str]:
    """Time, ids and randomness come in as arguments; no file, network, log or thread is touched."""
    found = [
        source.at(node, f"imports {name}")
        for node, name in imported(source.tree)
        if name.partition(".")[0] in IMPURE_MODULES
    ]
    return found + [
        source.at(node, f"calls {dotted(node.func)}")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and dotted(node.func) in IMPURE_CALLS
    ]


def leaves_the_transaction_alone(source: Source) -> list[str]:
    """Handlers load, call one method, answer: the pipeline commits, and the aggregate changes its own state."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PIPELINE_CALLS:
            found.append(source.at(node, f"calls .{node.func.attr}(): that is the pipeline's"))
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) else []:
            found += [source.at(t, f"sets {ast.unparse(t)}") for t in _attributes(target)]
    return found


def _attributes(target: ast.expr | None) -> list[ast.Attribute]:
    if isinstance(target, ast.Tuple | ast.List):
        return [found for part in target.elts for found in _attributes(part)]
    return [target] if isinstance(target, ast.Attribute) else []


def leaves_status_to_problems(source: Source) -> list[str]:
    """A kind is named where an error class says its own; what it means in HTTP stands in presentation/problems.py."""
    own = {
        id(node.value)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(target := node.targets[0] if isinstance(node, ast.Assign) else node.target, ast.Name)
        and target.id == "kind"
    }
    return [
        source.at(node, f"{dotted(node)}: only problems.py knows what a kind means")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Kind"
        if id(node) not in own
    ]


def asks_only_the_mediator(source: Source) -> list[str]:
    """Routes send messages: no repository, handler or SQL, and no transaction."""
    found = [
        source.at(node, f"imports {name}")
        for node, name in imported(source.tree)
        if name.startswith(("app.infrastructure", "app.container")) or name.endswith(("Handler", "Repository"))
    ]
    return found + [
        source.at(node, f"calls .{node.func.attr}()")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PIPELINE_CALLS
    ]
