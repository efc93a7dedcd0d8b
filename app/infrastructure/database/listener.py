"""LISTEN and NOTIFY on a connection of their own: a transaction pooler would lose the notifications."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from app.infrastructure.database.pool import CONNECT_TIMEOUT, LOST
from app.shared.errors import Unavailable

CHANNEL = "hello_ticket"
CLOSE_SECONDS = 1.0


class PostgresLink:
    """Raises Unavailable when the connection is gone. A notification holds at most 8,000 bytes."""

    def __init__(self, connection: asyncpg.Connection, channel: str) -> None:
        self._connection = connection
        self._channel = channel
        self._arrived: asyncio.Queue[str | None] = asyncio.Queue()

    async def open(self) -> None:
        self._connection.add_termination_listener(lambda _: self._arrived.put_nowait(None))
        with _lost():
            await self._connection.add_listener(self._channel, self._notified)

    def _notified(self, _connection: object, _pid: int, _channel: str, text: object) -> None:
        self._arrived.put_nowait(str(text))

    async def send(self, text: str) -> None:
        with _lost():
            await self._connection.execute("SELECT pg_notify($1, $2)", self._channel, text)

    async def receive(self) -> str:
        text = await self._arrived.get()
        if text is None:
            raise Unavailable("The connection that listens to PostgreSQL was closed.", retry_after=1)
        return text


@asynccontextmanager
async def postgres_link(dsn: str, channel: str = CHANNEL) -> AsyncGenerator[PostgresLink]:
    """`dsn` must lead to the server itself. Raises Unavailable."""
    with _lost():
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_TIMEOUT, server_settings={"application_name": "hello-ticket signals"}
        )
    try:
        link = PostgresLink(connection, channel)
        await link.open()
        yield link
    finally:
        try:
            await connection.close(timeout=CLOSE_SECONDS)
        except (*LOST, TimeoutError):
            connection.terminate()


@contextmanager
def _lost() -> Generator[None]:
    try:
        yield
    except (*LOST, TimeoutError) as error:
        raise Unavailable("The database does not answer; try again shortly.", retry_after=1) from error
