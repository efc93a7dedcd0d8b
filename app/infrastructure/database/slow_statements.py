"""Tells of statements that took long: their text, never their parameters.

A subclass of the connection, since asyncpg's own query logger makes a record of each statement, quick ones included.
The time is the caller's: on the way, waiting for locks, at work and on the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import asyncpg
import structlog

LONGEST_TEXT = 1_000

_METHODS = ("execute", "executemany", "fetch", "fetchval", "fetchrow")

Tell = Callable[[str, float], None]
Method = Callable[..., Any]

_log = structlog.get_logger("hello_ticket.database")


def timed_connections(role: str, seconds: float, count: Callable[[], None]) -> type[asyncpg.Connection]:
    """A class of connections for one pool. `count` is called for each statement that took `seconds` or longer."""

    def tell(statement: str, spent: float) -> None:
        count()
        text = " ".join(statement.split())[:LONGEST_TEXT]
        _log.warning("slow_statement", role=role, duration_ms=round(spent * 1_000, 1), statement=text)

    timed = {name: _timed(name, seconds, tell) for name in _METHODS}
    return type("TimedConnection", (asyncpg.Connection,), timed)


def _timed(name: str, seconds: float, tell: Tell) -> Method:
    """Looks the method up at each call: tracing puts its own in place."""

    async def run(self: asyncpg.Connection, statement: str, *arguments: Any, **options: Any) -> Any:
        started = perf_counter()
        try:
            return await getattr(asyncpg.Connection, name)(self, statement, *arguments, **options)
        finally:
            if (spent := perf_counter() - started) >= seconds:
                tell(statement, spent)

    return run
