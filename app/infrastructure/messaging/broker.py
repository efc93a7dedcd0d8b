"""RabbitMQ connections. Every wait is bounded, and every failure of the driver becomes Unavailable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelNotFoundEntity, ChannelPreconditionFailed
from pamqp.common import FieldTable
from yarl import URL

from app.shared.errors import Unavailable
from app.shared.settings import SettingsFault

CONNECT_SECONDS = 2.0
CLOSE_SECONDS = 1.0
HEARTBEAT_SECONDS = 4
"""The driver gives a connection up after three missed ones: a hung broker is noticed within 15 s."""
_LAST_TURNS = 0.05
"""The driver's channels end a few turns of the loop after their connection; a loop that stops before complains."""

# The driver logs every attempt that fails, with a traceback; what is wrong is told once, by those who wait for it.
for _name in ("aio_pika", "aiormq"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)
_log = structlog.get_logger("hello_ticket.broker")


class Missing(Exception):
    """A queue or an exchange is not there; the broker has closed the channel that asked for it."""


@contextmanager
def speaking() -> Generator[None]:
    """Raises Missing, and Unavailable for whatever shows that the broker is gone, hung, or refuses.

    A cancellation stays one: `asyncio.wait_for`, which the driver uses, may swallow it (bpo-37658).
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0

    def cancelled() -> bool:
        return task is not None and task.cancelling() > before

    try:
        with _translated(cancelled):
            yield
    finally:
        if cancelled():
            raise asyncio.CancelledError


@contextmanager
def _translated(cancelled: Callable[[], bool]) -> Generator[None]:
    try:
        yield
    except ChannelNotFoundEntity as error:
        raise Missing from error
    except ChannelPreconditionFailed as error:
        raise Unavailable(
            f"RabbitMQ has a queue or an exchange of ours with other arguments ({error}). Stop the workers, let it run "
            "empty or move its messages, delete it (rabbitmqctl delete_queue <name>) and start them again."
        ) from error
    except asyncio.CancelledError as error:
        if cancelled():
            raise
        raise away() from error  # the driver cancels whoever waits for a connection that it closes
    except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
        raise away() from error


AWAY = "The message broker does not answer; try again shortly."


def away() -> Unavailable:
    return Unavailable(AWAY, retry_after=1)


def broker_url(url: str) -> str:
    """With our heartbeat. Raises SettingsFault when it is no address of a broker."""
    try:
        address = URL(url)
    except ValueError:
        address = URL()
    if address.scheme not in {"amqp", "amqps"} or not address.host:
        raise SettingsFault(
            "RABBITMQ_URL is not a broker's address; write it as amqp://user:password@host:5672/ or amqps://…"
        )
    return str(address.update_query(heartbeat=HEARTBEAT_SECONDS))


class Broker:
    """One connection, made when somebody needs it and made anew after it was lost. `purpose` shows up in RabbitMQ."""

    def __init__(self, url: str, *, purpose: str) -> None:
        self._url = broker_url(url)
        self._purpose = purpose
        self._connection: AbstractConnection | None = None
        self._turn = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._told = False

    async def connection(self) -> AbstractConnection:
        """Raises Unavailable, within CONNECT_SECONDS."""
        try:
            with speaking():
                async with asyncio.timeout(CONNECT_SECONDS), self._turn:
                    return await self._connected()
        except Unavailable as error:
            if not self._told:
                _log.warning("broker_away", purpose=self._purpose, reason=type(error.__cause__).__name__)
                self._told = True
            raise

    async def _connected(self) -> AbstractConnection:
        connection = self._connection
        if connection is None or connection.is_closed or not connection.connected.is_set():
            self.discard()
            properties: FieldTable = {"connection_name": f"hello-ticket {self._purpose}"}
            connection = self._connection = await aio_pika.connect(self._url, client_properties=properties)
            if self._told:
                _log.warning("broker_is_back", purpose=self._purpose)
                self._told = False
        return connection

    async def open_channel(self, *, confirms: bool = False) -> AbstractChannel:
        """Raises Unavailable, within CONNECT_SECONDS twice."""
        connection = await self.connection()
        with speaking():
            async with asyncio.timeout(CONNECT_SECONDS):
                channel = connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
                await channel.initialize()
                return channel

    @asynccontextmanager
    async def channel(self) -> AsyncGenerator[AbstractChannel]:
        """One that is closed at the end; what it delivered and nobody acknowledged is then delivered again."""
        channel = await self.open_channel()
        try:
            yield channel
        finally:
            await self._closed(channel)

    async def _closed(self, channel: AbstractChannel) -> None:
        """A channel that can't be closed takes its connection with it, so that nothing stays out for ever."""
        if channel.is_closed:
            return
        try:
            with speaking():
                async with asyncio.timeout(CLOSE_SECONDS):
                    await channel.close()
        except (Unavailable, Missing):
            self.discard()
        except asyncio.CancelledError:
            self.discard()
            raise

    def discard(self) -> None:
        """The next user gets a new connection; this one is closed in the background, however long it takes."""
        connection, self._connection = self._connection, None
        if connection is not None:
            task = asyncio.create_task(_close(connection))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Bounded, whatever state the broker is in."""
        self.discard()
        if self._closing:
            await asyncio.wait(tuple(self._closing), timeout=5 * CLOSE_SECONDS)
            await asyncio.sleep(_LAST_TURNS)


async def _close(connection: AbstractConnection) -> None:
    try:
        with speaking():
            await connection.close()
    except (Unavailable, Missing):
        return
