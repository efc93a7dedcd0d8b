"""Signals to other processes: local at once, and shortly after through whatever carries them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol
from uuid import uuid4

import structlog

from app.application.signals import Topic
from app.infrastructure.signals.local import LocalSignals
from app.shared.errors import Unavailable

PACE_SECONDS = 0.02
"""At most one message in this time, however many announcements."""
ECHO_SECONDS = 3.0
"""A link sends back what was sent into it; one that takes longer is dead."""
IDLE_SECONDS = 10.0
"""After which a link on which nothing happens is tried."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

_log = structlog.get_logger("hello_ticket.signals")


class Link(Protocol):
    """A connection that brings every process's messages to all of them, the sender included."""

    async def send(self, text: str) -> None: ...

    async def receive(self) -> str: ...


class Carrier(Protocol):
    """`link` and what it gives raise Unavailable when the server is gone; none of them may be trusted to return."""

    name: str

    def link(self) -> AbstractAsyncContextManager[Link]: ...


class CarriedSignals:
    """Implements `Signals`. Without a link it is local only: listeners look by themselves now and then.

    `run` keeps the link up. Each time it is up (again), every listener is woken once, since one may have missed
    something; each message that comes back to its sender shows that the whole way works, so a hung server, a lost
    subscription or a pooler that swallows notifications are noticed.
    """

    def __init__(
        self, carrier: Carrier, *, pace: float = PACE_SECONDS, echo: float = ECHO_SECONDS, idle: float = IDLE_SECONDS
    ) -> None:
        self.carrier = carrier
        self._pace = pace
        self._echo = echo
        self._idle = idle
        self._local = LocalSignals()
        self._topics: set[Topic] = set()
        self._due: set[Topic] = set()
        self._news = asyncio.Event()
        self._name = uuid4().hex
        self._expected: dict[str, float] = {}
        self._sent = 0
        self.up = asyncio.Event()

    def listen(self, topic: Topic, wake: Callable[[], None]) -> None:
        self._topics.add(topic)
        self._local.listen(topic, wake)

    def announce(self, topic: Topic) -> None:
        self._local.announce(topic)
        self._due.add(topic)
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        pause, told = FIRST_PAUSE, False
        while True:
            try:
                await self._while_up()
            except Exception as error:  # noqa: BLE001 — told once, and tried again
                if self.up.is_set():
                    pause, told = FIRST_PAUSE, False
                if not told:
                    _log.warning("signals_are_local_only", carrier=self.carrier.name, reason=_reason(error))
                    told = True
            finally:
                self.up.clear()
                self._expected.clear()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _while_up(self) -> None:
        """Raises Unavailable when the link is gone."""
        try:
            async with self.carrier.link() as link:
                await self._work(link)
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _work(self, link: Link) -> None:
        """The link counts as up when the first message has come back through it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(link))
            await self._send(link, ())
            tasks.create_task(self._watch())
            await self.up.wait()
            _log.info("signals_reach_others", carrier=self.carrier.name)
            for topic in self._topics:
                self._local.announce(topic)
            while True:
                await self._wait_for_news()
                self._news.clear()
                due, self._due = self._due, set()
                await self._send(link, due)
                await asyncio.sleep(self._pace)

    async def _wait_for_news(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._idle):
                await self._news.wait()

    async def _send(self, link: Link, topics: set[Topic] | tuple[()]) -> None:
        self._sent += 1
        text = f"{self._name} {self._sent} {','.join(sorted(topics))}"
        self._expected[text] = time.monotonic() + self._echo
        async with within(self._echo):
            await link.send(text)

    async def _receive(self, link: Link) -> None:
        while True:
            text = await link.receive()
            if self._expected.pop(text, None) is not None:
                self.up.set()
            elif not text.startswith(self._name):
                for topic in _topics(text):
                    self._local.announce(topic)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._echo / 4)
            if any(end < time.monotonic() for end in self._expected.values()):
                raise Unavailable("What was sent does not come back.")


@asynccontextmanager
async def within(seconds: float) -> AsyncGenerator[None]:
    """`asyncio.timeout`, with Unavailable for its end."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Unavailable("It did not answer in time.") from None


def _reason(error: Exception) -> str:
    """A driver's own words may hold an address."""
    return error.message if isinstance(error, Unavailable) else type(error).__name__


def _topics(text: str) -> list[Topic]:
    """Those of a message; what a newer release calls by names we don't know wakes nobody here."""
    _, _, names = text.rpartition(" ")
    return [Topic(name) for name in names.split(",") if name in Topic.__members__.values()]
