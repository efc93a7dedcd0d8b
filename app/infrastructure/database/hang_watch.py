"""Notices a server that keeps its connections and answers nothing, long before each statement runs out of time.

Nothing is asked while transactions come to their end: only one that takes long is a reason to look. A statement that is
merely slow, or waits for a lock, harms nobody, since the server answers the question beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import asyncpg
import structlog

from app.infrastructure.database.connection import Connection

LONG = 1.5
"""Seconds a transaction may take before the server is asked whether it is there."""
EVERY = 0.5
ANSWER_SECONDS = 1.0
TRIES = 3
"""So often it must keep silent, on a connection of its own each time: about five seconds after it stopped, all know."""
LATE = 0.2
"""Seconds. When our own clock rings later than this, we are too busy to tell who is silent."""

_log = structlog.get_logger("hello_ticket.database")


class Use:
    """One transaction; `connection` once it has one."""

    __slots__ = ("connection", "deadline", "since")

    def __init__(self, now: float) -> None:
        self.since = now
        self.deadline = asyncio.timeout(None)
        self.connection: Connection | None = None


class HangWatch:
    """One for each address. While it knows that the server hangs, nobody waits for it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._uses: set[Use] = set()
        self._task: asyncio.Task[None] | None = None
        self.hung = False

    @asynccontextmanager
    async def using(self) -> AsyncGenerator[Use]:
        """Raises TimeoutError, at once or when it turns out; a statement under way fails as on a lost connection."""
        if self.hung:
            raise TimeoutError
        use = Use(asyncio.get_running_loop().time())
        self._uses.add(use)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="hang watch")
        try:
            async with use.deadline:
                yield use
        finally:
            self._uses.discard(use)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while self._uses or self.hung:
            await asyncio.sleep(EVERY)
            if self.hung or self._takes_long():
                self._judge(answers=await self._answers())

    def _takes_long(self) -> bool:
        latest = asyncio.get_running_loop().time() - LONG
        return any(use.since < latest for use in self._uses)

    async def _answers(self) -> bool:
        for _ in range(TRIES):
            if await self._asked():
                return True
        return False

    async def _asked(self) -> bool:
        """Whether anything came back, be it a refusal, or we can't tell: only silence is to be noticed."""
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await asyncpg.connect(self._dsn, timeout=ANSWER_SECONDS)
                try:
                    await connection.fetchval("SELECT 1")
                finally:
                    connection.terminate()
        except TimeoutError:
            return asyncio.get_running_loop().time() - started > ANSWER_SECONDS + LATE
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.exceptions.InternalClientError):
            return True
        return True

    def _judge(self, *, answers: bool) -> None:
        if self.hung and answers:
            _log.warning("database_answers_again")
        elif not self.hung and not answers:
            _log.warning("database_hangs", transactions=len(self._uses))
        self.hung = not answers
        if self.hung:
            self._cut()

    def _cut(self) -> None:
        now = asyncio.get_running_loop().time()
        for use in tuple(self._uses):
            if use.connection is None:
                use.deadline.reschedule(now)
            else:
                use.connection.terminate()
