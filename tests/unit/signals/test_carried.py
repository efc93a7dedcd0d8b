"""Signals through a carrier that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.application.signals import Topic
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.signals.build import build_signals
from app.infrastructure.signals.carrier import CarriedSignals
from app.infrastructure.signals.postgres import PostgresCarrier
from app.infrastructure.signals.rabbitmq import RabbitCarrier
from app.infrastructure.signals.redis import RedisCarrier
from app.shared.errors import Unavailable
from app.shared.settings import SettingsFault, load_settings
from tests.support.travelling import in_background, until


class Hub:
    """What is between the processes; `broken` refuses links, `deaf` takes messages and brings none."""

    name = "hub"

    def __init__(self) -> None:
        self.links: set[HubLink] = set()
        self.sent: list[str] = []
        self.broken: Exception | None = None
        self.deaf = False
        self.attempts = 0

    @asynccontextmanager
    async def link(self) -> AsyncGenerator[HubLink]:
        self.attempts += 1
        if self.broken is not None:
            raise self.broken
        link = HubLink(self)
        self.links.add(link)
        try:
            yield link
        finally:
            self.links.discard(link)

    def cut(self) -> None:
        for link in self.links:
            link.arrived.put_nowait(None)


class HubLink:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.arrived: asyncio.Queue[str | None] = asyncio.Queue()

    async def send(self, text: str) -> None:
        self._hub.sent.append(text)
        for link in () if self._hub.deaf else self._hub.links:
            link.arrived.put_nowait(text)

    async def receive(self) -> str:
        text = await self.arrived.get()
        if text is None:
            raise Unavailable("The hub cut it.")
        return text


class Ear:
    def __init__(self, signals: CarriedSignals, topic: Topic = Topic.OUTBOX) -> None:
        self.woken = 0
        signals.listen(topic, self._wake)

    def _wake(self) -> None:
        self.woken += 1


def signals(hub: Hub, **waits: float) -> CarriedSignals:
    return CarriedSignals(hub, **{"pace": 0.001, "echo": 0.2, "idle": 30.0, **waits})


async def test_a_link_that_comes_up_wakes_everybody_once() -> None:
    hub = Hub()
    one = signals(hub)
    ear, other = Ear(one), Ear(one, Topic.QUEUE)
    async with in_background(one.run()):
        await until(lambda: one.up.is_set() and ear.woken)
        assert (ear.woken, other.woken) == (1, 1)
        hub.cut()
        await until(lambda: ear.woken == 2)
        await until(one.up.is_set)
    assert (ear.woken, other.woken) == (2, 2)


async def test_others_are_woken_and_the_sender_only_once() -> None:
    hub = Hub()
    here, there = signals(hub), signals(hub)
    near, far = Ear(here), Ear(there)
    async with in_background(here.run()), in_background(there.run()):
        await until(lambda: near.woken == 1 and far.woken == 1)
        here.announce(Topic.OUTBOX)
        assert near.woken == 2, "the own process waits for nothing"
        await until(lambda: far.woken == 2)
    assert near.woken == 2


async def test_a_thousand_announcements_at_once_are_one_message() -> None:
    hub = Hub()
    here, there = signals(hub), signals(hub)
    far = Ear(there)
    async with in_background(here.run()), in_background(there.run()):
        await until(lambda: here.up.is_set() and far.woken == 1)
        before = len(hub.sent)
        for _ in range(1_000):
            here.announce(Topic.OUTBOX)
        await until(lambda: far.woken == 2)
        assert len(hub.sent) == before + 1


async def test_without_a_link_it_is_local_and_what_was_announced_is_sent_later() -> None:
    hub = Hub()
    hub.broken = Unavailable("away")
    here, there = signals(hub), signals(hub)
    near, far = Ear(here), Ear(there)
    here.announce(Topic.OUTBOX)
    async with in_background(here.run()):
        await until(lambda: hub.attempts)
        here.announce(Topic.OUTBOX)
        assert (near.woken, far.woken) == (2, 0)
        hub.broken = None
        async with in_background(there.run()):
            await until(lambda: far.woken and near.woken > 2)


async def test_a_link_that_swallows_what_is_sent_is_made_anew() -> None:
    hub = Hub()
    here = signals(hub, idle=0.05)
    async with in_background(here.run()):
        await until(here.up.is_set)
        hub.deaf = True
        await until(lambda: hub.attempts > 1)
        assert not here.up.is_set()
        hub.deaf = False
        await until(here.up.is_set)


async def test_an_unexpected_failure_is_no_end_and_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub()
    hub.broken = ValueError("amqp://user:password@host")
    here = signals(hub)
    async with in_background(here.run()):
        await until(lambda: hub.attempts > 1)
        hub.broken = None
        await until(here.up.is_set)
    assert "password" not in caplog.text


async def test_topics_of_a_newer_release_wake_nobody() -> None:
    hub = Hub()
    here = signals(hub)
    ear = Ear(here)
    async with in_background(here.run()):
        await until(lambda: here.up.is_set() and ear.woken == 1)
        for link in hub.links:
            await link.send("somebody 1 tomorrow")
            await link.send("somebody 2 ")
            await link.send(f"somebody 3 tomorrow,{Topic.OUTBOX}")
        await until(lambda: ear.woken == 2)
    assert ear.woken == 2


@pytest.mark.parametrize(
    ("given", "carrier"),
    [
        ({}, PostgresCarrier),
        ({"redis_url": "redis://localhost:1/0"}, RedisCarrier),
        ({"redis_url": "redis://localhost:1/0", "rabbitmq_url": "amqp://localhost:1/"}, RabbitCarrier),
    ],
    ids=["postgres", "redis", "rabbitmq"],
)
def test_the_best_carrier_there_is_is_taken(tmp_path: Path, given: dict[str, str], carrier: type) -> None:
    settings = load_settings(_env_file=None, data_dir=tmp_path, **given)
    addresses = Addresses(app="postgresql://a", worker="postgresql://w", read="postgresql://a")
    assert isinstance(build_signals(settings, addresses).carrier, carrier)


@pytest.mark.parametrize("given", [{"redis_url": "nonsense"}, {"rabbitmq_url": "nonsense"}], ids=["redis", "rabbitmq"])
def test_an_address_that_is_none_is_named(tmp_path: Path, given: dict[str, str]) -> None:
    settings = load_settings(_env_file=None, data_dir=tmp_path, **given)
    addresses = Addresses(app="postgresql://a", worker="postgresql://w", read="postgresql://a")
    with pytest.raises(SettingsFault, match=next(iter(given)).upper()):
        build_signals(settings, addresses)
