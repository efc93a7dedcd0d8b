"""Processes: asked until they were through, streams side by side, one stream in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from app.application.events import Process, PublishedEvent
from app.infrastructure.database.dispatch import Subscriber
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging import runner
from app.infrastructure.messaging.transport import Take
from app.shared.errors import Unavailable
from app.shared.mediator import Sender
from tests.support.owner import rows, value
from tests.support.peers import Peer, a_message
from tests.support.system import System

pytestmark = pytest.mark.usefixtures("brisk")

React = Callable[[PublishedEvent], Awaitable[None]]
DEAD = "SELECT message_id, reason, tries FROM dead_letters"


class Asked:
    def __init__(self, react: React) -> None:
        self._react = react

    async def react(self, event: PublishedEvent) -> None:
        await self._react(event)


def take(database: Database, react: React) -> Take:
    def make(_: Sender) -> Process:
        return Asked(react)

    return Peer(database, {}).runner.take_for("test", Subscriber(types=frozenset({"*"}), process=make))


async def test_it_is_asked_once_for_what_it_is_through_with(database: Database, tenant: UUID) -> None:
    message, asked = a_message(tenant), []

    async def react(event: PublishedEvent) -> None:
        asked.append(event.id)

    own = take(database, react)
    for _ in range(3):
        await own([message, message])

    assert asked == [message.event.id]


async def test_it_is_asked_again_when_its_process_died_on_the_way(database: Database, tenant: UUID) -> None:
    message, asked = a_message(tenant), []
    reached = asyncio.Event()

    async def react(event: PublishedEvent) -> None:
        asked.append(event.id)
        reached.set()
        if len(asked) == 1:
            await asyncio.Event().wait()

    own = take(database, react)
    doomed = asyncio.ensure_future(own([message]))
    await reached.wait()
    doomed.cancel()
    await asyncio.gather(doomed, return_exceptions=True)

    await own([message])

    assert asked == [message.event.id] * 2


async def test_streams_go_side_by_side_and_one_stream_in_order(database: Database, tenant: UUID) -> None:
    """Each stream's first reaction waits for the other stream's: one after the other they would wait for ever."""
    here, there = uuid4(), uuid4()
    messages = [a_message(tenant, stream_id=stream, version=n) for n in (1, 2) for stream in (here, there)]
    begun = {here: asyncio.Event(), there: asyncio.Event()}
    seen: list[tuple[UUID, int, str]] = []

    async def react(event: PublishedEvent) -> None:
        seen.append((event.stream_id, event.version, "begins"))
        begun[event.stream_id].set()
        await asyncio.gather(*(event.wait() for event in begun.values()))
        seen.append((event.stream_id, event.version, "ends"))

    await asyncio.wait_for(take(database, react)(messages), 30)

    for stream in (here, there):
        assert [(version, what) for own, version, what in seen if own == stream] == [
            (1, "begins"), (1, "ends"), (2, "begins"), (2, "ends"),
        ]  # fmt: skip


async def test_no_more_run_at_once_than_may(database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AT_ONCE", 3)
    running, most, full = 0, 0, asyncio.Event()

    async def react(_: PublishedEvent) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == runner.AT_ONCE:
            full.set()
        await full.wait()
        running -= 1

    await take(database, react)([a_message(tenant) for _ in range(20)])

    assert most == 3


async def test_what_fails_each_time_is_buried_and_the_next_of_its_stream_comes(
    system: System, database: Database, tenant: UUID
) -> None:
    stream, done = uuid4(), []
    messages = [a_message(tenant, stream_id=stream, version=n) for n in (1, 2)]

    async def react(event: PublishedEvent) -> None:
        if event.version == 1:
            raise ZeroDivisionError
        done.append(event.version)

    await take(database, react)(messages)

    assert done == [2]
    assert await rows(system, DEAD) == [(messages[0].event.id, "ZeroDivisionError", runner.TRIES)]


async def test_while_something_is_unavailable_nothing_is_buried_and_what_went_well_is_kept(
    system: System, database: Database, tenant: UUID
) -> None:
    well, ill = a_message(tenant), a_message(tenant)
    asked: list[UUID] = []

    async def react(event: PublishedEvent) -> None:
        asked.append(event.id)
        if event.id == ill.event.id:
            raise Unavailable("away")

    own = take(database, react)
    for _ in range(runner.TRIES + 1):
        with pytest.raises(Unavailable):
            await own([ill, well])

    assert asked.count(well.event.id) == 1
    assert asked.count(ill.event.id) == runner.TRIES + 1
    assert await value(system, "SELECT count(*) FROM dead_letters") == 0


async def test_what_it_sends_goes_out_under_the_events_request_id(database: Database, tenant: UUID) -> None:
    seen: list[str] = []

    def make(sender: Sender) -> Process:
        async def react(_: PublishedEvent) -> None:
            seen.append(sender.context.request_id)

        return Asked(react)

    own = Peer(database, {}).runner.take_for("test", Subscriber(types=frozenset({"*"}), process=make))
    await own([a_message(tenant, request_id="request 11")])

    assert seen == ["request 11"]
